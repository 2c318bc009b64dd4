// STATUS (RFC 3501 §6.3.10), from counters: no message is looked at, except to count \Recent.
import type { MailboxRow } from '../../store/store.ts'
import type { Command } from '../../wire/imap/command.ts'
import type { StatusItem } from '../../wire/imap/parse-status.ts'
import { no, ok } from '../answer.ts'
import type { Answer } from '../answer.ts'
import type { Conversation } from '../conversation.ts'
import type { User } from '../session-state.ts'

export async function status(talk: Conversation, user: User, command: Extract<Command, { name: 'STATUS' }>): Promise<Answer> {
  const row = await user.reader.mailboxByName(command.mailbox)
  if (!row || !row.selectable) return no('there is no such mailbox', 'NONEXISTENT')
  await tellStatus(talk, user, row, command.items)
  return ok('done')
}

export async function tellStatus(talk: Conversation, user: User, row: MailboxRow, items: readonly StatusItem[]): Promise<void> {
  const words: string[] = []
  for (const item of items) words.push(`${item} ${await valueOf(talk, user, row, item)}`)
  talk.out.text('* STATUS ').mailbox(row.name, talk.enabled.utf8).text(` (${words.join(' ')})\r\n`)
}

async function valueOf(talk: Conversation, user: User, row: MailboxRow, item: StatusItem): Promise<number | string> {
  switch (item) {
    case 'MESSAGES': return row.total
    case 'UNSEEN': return row.unseen
    case 'DELETED': return row.deleted
    case 'UIDNEXT': return row.uidNext
    case 'UIDVALIDITY': return row.uidValidity
    case 'SIZE': return row.sizeOctets
    case 'HIGHESTMODSEQ':
      talk.enableCondstore() // RFC 7162 §3.1
      return Math.max(1, row.highestModseq)
    case 'APPENDLIMIT': return talk.services.limits.message_octets_max
    case 'MAILBOXID': return `(F${row.mailbox})`
    case 'RECENT': return recent(talk, user, row)
  }
}

const PAGE_ROWS = 2000

async function recent(talk: Conversation, user: User, row: MailboxRow): Promise<number> {
  let after = talk.services.views.recentThrough(user.account, row.mailbox)
  if (after + 1 >= row.uidNext) return 0
  let count = 0
  for (;;) {
    const page = await user.reader.viewPage(row.mailbox, after, PAGE_ROWS)
    count += page.length
    if (page.length < PAGE_ROWS) return count
    after = page.at(-1)!.uid
  }
}
