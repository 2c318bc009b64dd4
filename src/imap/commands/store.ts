// STORE and UID STORE (RFC 3501 §6.4.6; RFC 7162 §3.1.3 UNCHANGEDSINCE).
import { changedFlags, keywordList } from '../../store/store.ts'
import type { FlagChange, Flags } from '../../store/store.ts'
import type { Command } from '../../wire/imap/command.ts'
import { printSet } from '../../wire/imap/sequence-set.ts'
import type { Ranges } from '../../wire/imap/sequence-set.ts'
import { bad, no, ok } from '../answer.ts'
import type { Answer } from '../answer.ts'
import type { Conversation } from '../conversation.ts'
import { printFlags, readFlags } from '../flags-text.ts'
import { tooManyKeywords } from '../keyword-room.ts'
import { CHANGE_MESSAGES_MAX, piecesOf, sequencesOf, uidRangesOf } from '../message-set.ts'
import { tellFlags } from '../news.ts'
import { refusal } from '../refusal.ts'
import type { SelectedMailbox } from '../session-state.ts'
import { FairShare } from '../turn.ts'
import { submitChange } from '../submit-change.ts'

export async function store(talk: Conversation, selected: SelectedMailbox, command: Extract<Command, { name: 'STORE' }>): Promise<Answer> {
  const { state, services } = talk
  if (state.at !== 'selected') return bad('select a mailbox first')
  const { shared, tracker } = selected
  const { view } = shared
  if (tracker.readOnly) return no('the mailbox is open to look only', 'READ-ONLY')
  const { unknown, bits, keywords } = readFlags(command.flags)
  if (unknown !== undefined) return bad(`${unknown} is not a flag that can be set`)
  if (tooManyKeywords(view, keywordList(keywords), services.limits.keywords_max)) return no('the mailbox has too many keywords', 'LIMIT')
  const ranges = sequencesOf(tracker, command.set, command.uid)
  if (!ranges) return bad('no such message')
  if (command.unchangedSince !== undefined) talk.enableCondstore() // RFC 7162 §3.1

  const changed = new Map<number, number>()
  const modified: number[] = []
  for (const piece of piecesOf(ranges, CHANGE_MESSAGES_MAX)) {
    const expected = command.silent ? expectedFlags(selected, piece, command.action, { bits, keywords }) : undefined
    const outcome = await submitChange(services, state.user.account, {
      kind: 'store-flags', mailbox: view.mailbox, uids: uidRangesOf(tracker, piece), how: command.action, bits, keywords,
      ...(command.unchangedSince === undefined ? {} : { unchangedSince: command.unchangedSince }),
    })
    if (outcome.end === 'refused') {
      await shared.seeOwnChange()
      return refusal(outcome)
    }
    for (const { uid, modseq, ...flags } of outcome.result.changed) {
      changed.set(uid, modseq)
      const flagsExpected = expected?.get(uid)
      if (flagsExpected && flagsExpected.bits === flags.bits && flagsExpected.keywords === flags.keywords) tracker.said(uid, modseq)
    }
    for (const uid of outcome.result.modified) modified.push(uid)
    await shared.seeOwnChange() // piece by piece, so that none is too much for one look
  }
  if (tracker.takeKeywordsGrew()) tellFlags(talk.out, view, tracker.readOnly)
  await tellStored(talk, selected, ranges, command, changed, new Set(modified))
  if (modified.length === 0) return ok('stored')
  const numbers = command.uid ? modified : modified.map((uid) => tracker.sequenceOf(uid)).filter((sequence) => sequence !== undefined)
  return ok('some messages had changed', `MODIFIED ${printSet(numbers.sort((a, b) => a - b))}`)
}

/**
 * What the client will take for granted after SILENT: the flags it was told, changed as it asked. A message with
 * changes that it was not told of is not among them, so that those are told.
 */
function expectedFlags({ tracker, shared: { view } }: SelectedMailbox, piece: Ranges, how: FlagChange, given: Flags): ReadonlyMap<number, Flags> {
  const expected = new Map<number, Flags>()
  const untold = tracker.untoldFlags()
  if (!untold) return expected
  for (let i = 0; i < piece.length; i += 2) {
    for (let sequence = piece[i]!; sequence <= piece[i + 1]!; sequence += 1) {
      const place = tracker.placeOf(sequence)
      if (!place.here) continue
      const uid = view.uidAt(place.index)
      if (!untold.has(uid)) expected.set(uid, changedFlags({ bits: view.bitsAt(place.index), keywords: view.keywordText(view.keywordsAt(place.index)) }, how, given))
    }
  }
  return expected
}

async function tellStored(
  talk: Conversation, selected: SelectedMailbox, ranges: Ranges, command: Extract<Command, { name: 'STORE' }>,
  changed: ReadonlyMap<number, number>, modified: ReadonlySet<number>,
): Promise<void> {
  const { out, enabled } = talk
  const { tracker, shared: { view } } = selected
  const share = new FairShare(() => talk.services.clock.monotonicMs())
  for (let i = 0; i < ranges.length; i += 2) {
    for (let sequence = ranges[i]!; sequence <= ranges[i + 1]!; sequence += 1) {
      if ((sequence & 255) === 0) await share.pause()
      const place = tracker.placeOf(sequence)
      if (!place.here) continue // it went meanwhile; EXPUNGE will say so
      const { index } = place
      const uid = view.uidAt(index)
      if (modified.has(uid)) continue
      const modseq = view.modseqAt(index)
      if (command.silent) {
        // Only its new modseq, if the client wants modseqs; changes of others are news and come as such.
        if (!enabled.condstore || changed.get(uid) !== modseq || !tracker.isSaid(uid, modseq)) continue
      } else tracker.said(uid, modseq)
      out.text('* ').number(sequence).text(' FETCH (')
      if (command.uid || enabled.condstore) out.text('UID ').number(uid).text(' ')
      if (enabled.condstore) out.text('MODSEQ (').number(modseq).text(command.silent ? ')' : ') ')
      if (!command.silent) out.text(`FLAGS (${printFlags(view.bitsAt(index), view.keywordText(view.keywordsAt(index)), tracker.isRecent(uid))})`)
      out.text(')\r\n')
      await talk.breathe()
    }
  }
}
