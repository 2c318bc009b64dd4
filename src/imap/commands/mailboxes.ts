// CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 §6.3.3 to §6.3.7; RFC 6154 §3 USE).
import { bytesOf } from '../../base/bytes.ts'
import type { MailboxRow, SpecialUse } from '../../store/store.ts'
import type { Command } from '../../wire/imap/command.ts'
import { no, ok } from '../answer.ts'
import type { Answer } from '../answer.ts'
import type { Conversation } from '../conversation.ts'
import { refusal } from '../refusal.ts'
import { ROLES } from '../special-use.ts'
import type { User } from '../session-state.ts'
import { submitChange } from '../submit-change.ts'

/** Levels of a name; each missing one above a new mailbox is made with it. */
const LEVELS_MAX = 50

export async function createMailbox(talk: Conversation, user: User, command: Extract<Command, { name: 'CREATE' }>): Promise<Answer> {
  // "a/" says that names below "a" are meant to follow; "a" is made (RFC 3501 §6.3.3).
  const name = command.mailbox.endsWith('/') ? command.mailbox.slice(0, -1) : command.mailbox
  const wrong = wrongName(talk, name)
  if (wrong) return wrong
  let role: SpecialUse | undefined
  if (command.uses.length > 0) {
    const [use, ...more] = command.uses
    role = ROLES.get(use!.toLowerCase())
    if (!role || more.length > 0) return no('a mailbox has one use, of \\Archive, \\Drafts, \\Flagged, \\Junk, \\Sent, \\Trash, \\All', 'USEATTR')
  }
  const mailboxes = await user.reader.mailboxes()
  if (role && mailboxes.some((row) => row.role === role)) return no('another mailbox has this use', 'USEATTR')
  if (mailboxes.length + missingAbove(name, mailboxes) >= talk.services.limits.mailboxes_max) return no('there are too many mailboxes', 'LIMIT')
  const there = await user.reader.mailboxByName(name)
  if (there?.selectable) return no('there is such a mailbox already', 'ALREADYEXISTS')
  const refused = await createAbove(talk, user, name)
  if (refused) return refused
  const outcome = await submitChange(talk.services, user.account, { kind: 'create-mailbox', name, ...(role ? { role } : {}) })
  return outcome.end === 'refused' ? refusal(outcome) : ok('created')
}

/** How many mailboxes come into being above a new one. */
function missingAbove(name: string, mailboxes: readonly MailboxRow[]): number {
  const names = new Set(mailboxes.map((row) => row.name))
  let missing = 0
  for (let slash = name.indexOf('/'); slash > 0; slash = name.indexOf('/', slash + 1)) if (!names.has(name.slice(0, slash))) missing += 1
  return missing
}

async function createAbove(talk: Conversation, user: User, name: string): Promise<Answer | undefined> {
  for (let slash = name.indexOf('/'); slash > 0; slash = name.indexOf('/', slash + 1)) {
    const above = name.slice(0, slash)
    if (await user.reader.mailboxByName(above)) continue
    const outcome = await submitChange(talk.services, user.account, { kind: 'create-mailbox', name: above })
    if (outcome.end === 'refused' && outcome.code !== 'exists') return refusal(outcome)
  }
  return undefined
}

function wrongName(talk: Conversation, name: string): Answer | undefined {
  const levels = name.split('/')
  if (levels.some((level) => level === '')) return no('a level of the name is empty', 'CANNOT')
  if (levels.length > LEVELS_MAX) return no('the name has too many levels', 'CANNOT')
  if (bytesOf(name).length > talk.services.limits.mailbox_name_octets_max) return no('the name is too long', 'CANNOT')
  return undefined
}

export async function deleteMailbox(talk: Conversation, user: User, command: Extract<Command, { name: 'DELETE' | 'SUBSCRIBE' | 'UNSUBSCRIBE' }>): Promise<Answer> {
  if (command.mailbox === 'INBOX') return no('INBOX stays', 'CANNOT')
  const row = await user.reader.mailboxByName(command.mailbox)
  if (!row) return no('there is no such mailbox', 'NONEXISTENT')
  // RFC 3501 §6.3.4: a name that holds only other names cannot be deleted while it does.
  if (!row.selectable && (await user.reader.mailboxes()).some((other) => other.name.startsWith(`${row.name}/`))) return no('there are mailboxes below it', 'HASCHILDREN')
  const outcome = await submitChange(talk.services, user.account, { kind: 'delete-mailbox', mailbox: row.mailbox })
  if (outcome.end === 'refused') return refusal(outcome)
  await seeOwnChange(talk)
  return ok('deleted')
}

export async function renameMailbox(talk: Conversation, user: User, command: Extract<Command, { name: 'RENAME' }>): Promise<Answer> {
  const to = command.to.endsWith('/') ? command.to.slice(0, -1) : command.to
  const wrong = wrongName(talk, to)
  if (wrong) return wrong
  const row = await user.reader.mailboxByName(command.from)
  if (!row) return no('there is no such mailbox', 'NONEXISTENT')
  if (await user.reader.mailboxByName(to)) return no('there is such a mailbox already', 'ALREADYEXISTS')
  const mailboxes = await user.reader.mailboxes()
  const missing = missingAbove(to, mailboxes)
  if (missing > 0 && mailboxes.length + missing > talk.services.limits.mailboxes_max) return no('there are too many mailboxes', 'LIMIT')
  if (command.from !== 'INBOX' && to.startsWith(`${command.from}/`)) return no('a mailbox cannot go below itself', 'CANNOT')
  const refused = await createAbove(talk, user, to)
  if (refused) return refused
  const outcome = await submitChange(talk.services, user.account, { kind: 'rename-mailbox', mailbox: row.mailbox, name: to })
  if (outcome.end === 'refused') return refusal(outcome)
  await seeOwnChange(talk)
  return ok('renamed')
}

export async function subscribe(talk: Conversation, user: User, command: Extract<Command, { name: 'DELETE' | 'SUBSCRIBE' | 'UNSUBSCRIBE' }>): Promise<Answer> {
  const on = command.name === 'SUBSCRIBE'
  const name = command.mailbox.endsWith('/') ? command.mailbox.slice(0, -1) : command.mailbox
  if (on) {
    const wrong = wrongName(talk, name)
    if (wrong) return wrong
  }
  const outcome = await submitChange(talk.services, user.account, { kind: 'subscribe', name, on })
  return outcome.end === 'refused' ? refusal(outcome) : ok('done')
}

/** The mailbox in use may be the one that was just changed. */
async function seeOwnChange(talk: Conversation): Promise<void> {
  if (talk.state.at === 'selected') await talk.state.selected.shared.seeOwnChange()
}
