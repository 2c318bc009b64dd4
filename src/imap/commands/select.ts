// SELECT, EXAMINE, CLOSE, UNSELECT (RFC 3501 §6.3.1, §6.3.2, §6.4.2; RFC 3691; RFC 7162 §3.1.2).
import type { Command } from '../../wire/imap/command.ts'
import type { QuickResync } from '../../wire/imap/parse-select.ts'
import { STAR, rangesOf } from '../../wire/imap/sequence-set.ts'
import { bad, no, ok } from '../answer.ts'
import type { Answer } from '../answer.ts'
import type { Conversation } from '../conversation.ts'
import { tellFlags } from '../news.ts'
import type { SelectedMailbox, User } from '../session-state.ts'
import { changedSince, tellChanged, tellVanished } from '../resync.ts'
import { expungeDeleted } from './expunge.ts'

export async function select(talk: Conversation, user: User, command: Extract<Command, { name: 'SELECT' | 'EXAMINE' }>): Promise<Answer> {
  const { out, services } = talk
  if (command.qresync && !talk.enabled.qresync) return bad('say ENABLE QRESYNC first') // RFC 7162 §3.2.5
  if (talk.state.at === 'selected') {
    // Whether or not the next one is found, the one before is left (RFC 3501 §6.3.1).
    talk.select(user, undefined)
    out.text('* OK [CLOSED] the mailbox before is closed\r\n')
  }
  const readOnly = command.name === 'EXAMINE'
  const row = await user.reader.mailboxByName(command.mailbox)
  if (!row) return no('there is no such mailbox', 'NONEXISTENT')
  if (!row.selectable) return no('this name holds no messages', 'CANNOT')
  const opened = await services.views.open(user.account, row.mailbox, { readOnly })
  if (!opened) return no('there is no such mailbox', 'NONEXISTENT')
  if (command.condstore) talk.enableCondstore()
  const { shared, tracker } = opened
  const { view } = shared
  talk.select(user, { name: row.name, shared, tracker })
  tellFlags(out, view, readOnly)
  out.text(`* ${tracker.exists} EXISTS\r\n* ${tracker.recentCount} RECENT\r\n`)
  const unseen = view.firstUnseenIndex()
  if (unseen !== undefined) out.text(`* OK [UNSEEN ${unseen + 1}] the first unseen message\r\n`)
  out.text(`* OK [UIDVALIDITY ${view.uidValidity}] UIDs stay\r\n* OK [UIDNEXT ${view.uidNext}] the next UID\r\n`)
  out.text(`* OK [HIGHESTMODSEQ ${Math.max(1, view.highestModseq)}] the latest change\r\n`)
  if (command.qresync && command.qresync.uidValidity === view.uidValidity) await resync(talk, user, { name: row.name, shared, tracker }, command.qresync)
  return readOnly ? ok('opened to look', 'READ-ONLY') : ok('opened', 'READ-WRITE')
}

/** RFC 7162 §3.2.5: what went and what changed since the client last looked, so that it downloads nothing again. */
async function resync(talk: Conversation, user: User, selected: SelectedMailbox, { modseq, knownUids }: QuickResync): Promise<void> {
  const { tracker, shared: { view } } = selected
  const all = knownUids && !knownUids.saved ? knownUids.pairs : [1, STAR]
  const known = rangesOf(all, Math.max(0, view.uidNext - 1))
  await tellVanished(talk, user, selected, known, modseq)
  await tellChanged(talk, selected, changedSince(selected, tracker.sequencesOf(known), modseq))
}

/** CLOSE also removes what is marked \Deleted, and tells nobody here. */
export async function close(talk: Conversation, selected: SelectedMailbox, command: { readonly name: string }): Promise<Answer> {
  const { state } = talk
  if (state.at !== 'selected') return bad('select a mailbox first')
  if (command.name === 'CLOSE' && !selected.tracker.readOnly) {
    const refused = await expungeDeleted(talk, selected, undefined)
    if (refused) return refused
  }
  talk.select(state.user, undefined)
  return ok('closed')
}
