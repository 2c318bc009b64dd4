// EXPUNGE and UID EXPUNGE (RFC 3501 §6.4.3, RFC 4315 §2.1).
import type { Command } from '../../wire/imap/command.ts'
import { rangesHold, runsOf } from '../../wire/imap/sequence-set.ts'
import type { Ranges } from '../../wire/imap/sequence-set.ts'
import { bad, no, ok } from '../answer.ts'
import type { Answer } from '../answer.ts'
import type { Conversation } from '../conversation.ts'
import { CHANGE_MESSAGES_MAX, sequencesOf } from '../message-set.ts'
import { refusal } from '../refusal.ts'
import type { SelectedMailbox } from '../session-state.ts'
import { submitChange } from '../submit-change.ts'

export async function expunge(talk: Conversation, selected: SelectedMailbox, command: Extract<Command, { name: 'EXPUNGE' }>): Promise<Answer> {
  if (selected.tracker.readOnly) return no('the mailbox is open to look only', 'READ-ONLY')
  let among: Ranges | undefined
  if (command.set) {
    among = sequencesOf(selected.tracker, command.set, true)
    if (!among) return bad('no such message')
  }
  const refused = await expungeDeleted(talk, selected, among)
  if (refused) return refused
  // The view tells them as any other session's; with CONDSTORE the answer says how far it went (RFC 7162 §3.1.4).
  return talk.enabled.condstore ? ok('removed', `HIGHESTMODSEQ ${Math.max(1, selected.shared.view.highestModseq)}`) : ok('removed')
}

/** Removes what is marked \Deleted and known to the session, in all or `among` these sequence numbers. */
export async function expungeDeleted(talk: Conversation, selected: SelectedMailbox, among: Ranges | undefined): Promise<Answer | undefined> {
  const { state } = talk
  if (state.at !== 'selected') return bad('select a mailbox first')
  const { shared, tracker } = selected
  await shared.refresh()
  let uids = shared.view.deletedUids(tracker.toldUid)
  if (among) uids = uids.filter((uid) => rangesHold(among, tracker.sequenceOf(uid) ?? 0))
  for (let at = 0; at < uids.length; at += CHANGE_MESSAGES_MAX) {
    const outcome = await submitChange(talk.services, state.user.account, {
      kind: 'expunge', mailbox: shared.view.mailbox, uids: runsOf(uids.slice(at, at + CHANGE_MESSAGES_MAX)),
    })
    if (outcome.end === 'refused') {
      await shared.seeOwnChange()
      return refusal(outcome)
    }
  }
  if (uids.length > 0) await shared.seeOwnChange()
  return undefined
}
