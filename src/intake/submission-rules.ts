// What is asked of mail that our own users submit (RFC 6409 §6, §8): every address in From must be
// theirs, and what a message must have is added where it is missing (Date, Message-ID, From). What is
// added comes before the message, so that the bytes that were received stay as they were.
import { printMailDate } from '../message/date.ts'
import type { HeaderSummary } from '../message/summary.ts'
import type { AccountRow } from '../store/store.ts'
import { reply, type Reply } from '../wire/smtp/reply.ts'

const foreignFrom = reply(550, '5.7.1', 'the From field must hold addresses of the account that is logged in, and nothing else')

export function judgeFrom(header: HeaderSummary, mayUse: (address: string) => boolean): Reply | undefined {
  if (!header.hasFrom) return undefined // one is added
  // A field without an address is shown to people all the same: "From: the boss" is nobody's.
  return header.fromAddresses.length > 0 && header.fromAddresses.every((address) => address !== '' && mayUse(address)) ? undefined : foreignFrom
}

/** Header lines to be put before the message; "" for none. */
export function missingFields(header: HeaderSummary, facts: { submitter: AccountRow; atMs: number; messageId: () => string }): string {
  let lines = ''
  if (!header.hasDate) lines += `Date: ${printMailDate(facts.atMs, 0)}\r\n`
  if (header.fromAddresses.length === 0 && !header.hasFrom) lines += `From: <${facts.submitter.address}>\r\n`
  if (!header.hasMessageId) lines += `Message-ID: ${facts.messageId()}\r\n`
  return lines
}
