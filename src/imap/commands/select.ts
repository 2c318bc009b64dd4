// SELECT, EXAMINE, CLOSE, UNSELECT (RFC 3501 §6.3.1, §6.3.2, §6.4.2; RFC 3691; RFC 7162 §3.1.2).
import type { Command } from '../../wire/imap/command.ts'
import { bad, no, ok } from '../answer.ts'
import type { Answer } from '../answer.ts'
import type { Conversation } from '../conversation.ts'
import { tellFlags } from '../news.ts'
import type { SelectedMailbox, User } from '../session-state.ts'
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
  return readOnly ? ok('opened to look', 'READ-ONLY') : ok('opened', 'READ-WRITE')
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
