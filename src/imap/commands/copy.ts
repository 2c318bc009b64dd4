// COPY and MOVE (RFC 3501 §6.4.7, RFC 6851), with COPYUID (RFC 4315). More than one record's worth of messages
// goes as a group: if a part is refused, the parts before it are undone.
import { hexOf } from '../../base/bytes.ts'
import { Outage } from '../../base/errors.ts'
import type { Command } from '../../wire/imap/command.ts'
import { printSet } from '../../wire/imap/sequence-set.ts'
import { bad, no, ok } from '../answer.ts'
import type { Answer } from '../answer.ts'
import type { Conversation } from '../conversation.ts'
import { CHANGE_MESSAGES_MAX, countOf, piecesOf, sequencesOf, uidRangesOf } from '../message-set.ts'
import { keywordsOf, tooManyKeywordsFor } from '../keyword-room.ts'
import { refusal } from '../refusal.ts'
import type { SelectedMailbox } from '../session-state.ts'
import { submitChange } from '../submit-change.ts'

export async function copyOrMove(talk: Conversation, selected: SelectedMailbox, command: Extract<Command, { name: 'COPY' | 'MOVE' }>): Promise<Answer> {
  const { state, services, out } = talk
  if (state.at !== 'selected') return bad('select a mailbox first')
  const { shared, tracker } = selected
  const move = command.name === 'MOVE'
  if (move && tracker.readOnly) return no('the mailbox is open to look only', 'READ-ONLY')
  const ranges = sequencesOf(tracker, command.set, command.uid)
  if (!ranges) return bad('no such message')
  const target = await state.user.reader.mailboxByName(command.mailbox)
  if (!target || !target.selectable) return no('there is no such mailbox', 'TRYCREATE')
  const count = countOf(ranges)
  if (count === 0) return ok('no messages')
  const keywords = target.mailbox === shared.view.mailbox ? [] : await keywordsOf(selected, ranges, () => services.clock.monotonicMs())
  if (await tooManyKeywordsFor(services, { account: state.user.account, mailbox: target.mailbox }, keywords)) return no('the mailbox has too many keywords', 'LIMIT')
  const group = count > CHANGE_MESSAGES_MAX ? hexOf(services.random.bytes(12)) : undefined
  const from: number[] = []
  const to: number[] = []
  let uidValidity = target.uidValidity
  const undo = async () => {
    if (group !== undefined && from.length > 0) await submitChange(services, state.user.account, { kind: 'undo-group', group })
    await shared.seeOwnChange()
  }
  const pieces = [...piecesOf(ranges, CHANGE_MESSAGES_MAX)]
  for (const [n, piece] of pieces.entries()) {
    const last = n === pieces.length - 1
    const copying = submitChange(services, state.user.account, {
      kind: 'copy', mailbox: shared.view.mailbox, uids: uidRangesOf(tracker, piece), to: target.mailbox, move, ...(group === undefined ? {} : { group, last }),
    })
    const outcome = await copying.catch(async (error: unknown) => {
      // Not kept for certain: then none of the group may stay. Not known: the same, but nobody waits for it, and if
      // the last part is there after all, nothing is undone. What a crash cuts off the store undoes at its next start.
      if (error instanceof Outage) await undo()
      else void undo().catch(() => {})
      throw error
    })
    if (outcome.end === 'refused') {
      await undo()
      return refusal(outcome, 'TRYCREATE')
    }
    uidValidity = outcome.result.uidValidity
    for (const [source, copy] of outcome.result.pairs) {
      from.push(source)
      to.push(copy)
    }
  }
  await shared.seeOwnChange()
  if (from.length === 0) return ok('no messages')
  const code = `COPYUID ${uidValidity} ${printSet(from)} ${printSet(to)}`
  if (!move) return ok('copied', code)
  // RFC 6851 §4.3: before the EXPUNGEs, which the session sends next.
  out.text(`* OK [${code}] moved\r\n`)
  return talk.enabled.condstore ? ok('moved', `HIGHESTMODSEQ ${Math.max(1, shared.view.highestModseq)}`) : ok('moved')
}
