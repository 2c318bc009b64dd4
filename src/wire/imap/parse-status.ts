// STATUS (RFC 3501 §6.3.10) with SIZE (RFC 8438), HIGHESTMODSEQ (RFC 7162), DELETED (RFC 9051).
import type { Cursor } from './cursor.ts'
import { takeMailbox } from './take-mailbox.ts'

export type StatusItem =
  | 'MESSAGES' | 'RECENT' | 'UIDNEXT' | 'UIDVALIDITY' | 'UNSEEN' | 'DELETED' | 'SIZE' | 'HIGHESTMODSEQ' | 'MAILBOXID' | 'APPENDLIMIT'

export interface StatusCommand {
  readonly name: 'STATUS'
  readonly mailbox: string
  readonly items: readonly StatusItem[]
}

const ITEMS: ReadonlySet<string> = new Set<StatusItem>(
  ['MESSAGES', 'RECENT', 'UIDNEXT', 'UIDVALIDITY', 'UNSEEN', 'DELETED', 'SIZE', 'HIGHESTMODSEQ', 'MAILBOXID', 'APPENDLIMIT'],
)

export function takeStatusItems(cursor: Cursor): StatusItem[] {
  const items = cursor.takeList(() => {
    const word = cursor.takeWord()
    return ITEMS.has(word) ? (word as StatusItem) : cursor.fail(`unknown STATUS item ${word}`)
  })
  if (items.length === 0) cursor.fail('no STATUS item is named')
  return [...new Set(items)]
}

export function takeStatus(cursor: Cursor, utf8: boolean): StatusCommand {
  const mailbox = takeMailbox(cursor, utf8)
  cursor.takeSpace()
  return { name: 'STATUS', mailbox, items: takeStatusItems(cursor) }
}
