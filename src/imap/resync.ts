// What a client that comes back has missed (RFC 7162): messages changed after a modseq, and UIDs that are no
// more. The change log says which went; if it does not reach so far back, every UID of the client's that is not
// there counts, which says no less.
import type { User } from './session-state.ts'
import { printSet, rangesHold } from '../wire/imap/sequence-set.ts'
import type { Ranges } from '../wire/imap/sequence-set.ts'
import type { Conversation } from './conversation.ts'
import { printFlags } from './flags-text.ts'
import type { MailboxView } from './mailbox-view.ts'
import type { SelectedMailbox } from './session-state.ts'
import { FairShare } from './turn.ts'

const CHANGES_MAX = 2000

/** Those of these messages whose modseq is above, as ranges of sequence numbers. */
export function changedSince({ tracker, shared: { view } }: SelectedMailbox, ranges: Ranges, modseq: number): Ranges {
  const changed: number[] = []
  for (let i = 0; i < ranges.length; i += 2) {
    for (let sequence = ranges[i]!; sequence <= ranges[i + 1]!; sequence += 1) {
      const place = tracker.placeOf(sequence)
      if (!place.here || view.modseqAt(place.index) <= modseq) continue
      if (changed.length > 0 && changed.at(-1) === sequence - 1) changed[changed.length - 1] = sequence
      else changed.push(sequence, sequence)
    }
  }
  return changed
}

export async function tellChanged(talk: Conversation, { tracker, shared: { view } }: SelectedMailbox, ranges: Ranges): Promise<void> {
  const share = new FairShare(() => talk.services.clock.monotonicMs())
  for (let i = 0; i < ranges.length; i += 2) {
    for (let sequence = ranges[i]!; sequence <= ranges[i + 1]!; sequence += 1) {
      const place = tracker.placeOf(sequence)
      if (!place.here) continue
      const { index } = place
      const uid = view.uidAt(index)
      talk.out.text('* ').number(sequence).text(' FETCH (UID ').number(uid).text(' MODSEQ (').number(view.modseqAt(index)).text(') ')
      talk.out.text(`FLAGS (${printFlags(view.bitsAt(index), view.keywordText(view.keywordsAt(index)), tracker.isRecent(uid))}))\r\n`)
      await talk.breathe()
      await share.pause()
    }
  }
}

/** VANISHED (EARLIER): of these UIDs, those that went after `modseq`. */
export async function tellVanished(talk: Conversation, user: User, selected: SelectedMailbox, uids: Ranges, modseq: number): Promise<void> {
  const { view } = selected.shared
  const changes = await user.reader.changesSince(view.mailbox, modseq, CHANGES_MAX)
  let gone: string
  if (!changes.truncated && changes.mailbox) gone = printSet(changes.expunged.filter((uid) => rangesHold(uids, uid) && view.indexOf(uid) === undefined))
  else gone = missingUids(selected.shared.view, uids)
  if (gone !== '') talk.out.text(`* VANISHED (EARLIER) ${gone}\r\n`)
}

/** The gaps between the messages that are there, as a set. */
export function missingUids(view: Pick<MailboxView, 'count' | 'uidNext' | 'lowerBound' | 'uidAt'>, uids: Ranges): string {
  const parts: string[] = []
  for (let i = 0; i < uids.length; i += 2) {
    let from = uids[i]!
    const to = Math.min(uids[i + 1]!, view.uidNext - 1)
    for (let index = view.lowerBound(from); from <= to; index += 1) {
      const next = index < view.count ? Math.min(view.uidAt(index), to + 1) : to + 1
      if (next > from) parts.push(from === next - 1 ? `${from}` : `${from}:${next - 1}`)
      from = next + 1
    }
  }
  return parts.join(',')
}
