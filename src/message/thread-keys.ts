// Which messages belong to one thread. The rule has a name and is frozen: a message filed years ago and
// its reply of today must come out alike, on every engine and after every replay.
//
// Rule "threads-1" (after RFC 8621 §3):
//   1. The ids of a message are: its Message-ID; the ids in In-Reply-To, at most 10; the first id of References and
//      the last 29. An id is what stands between "<" and ">", without white space, 3 to 998 octets, as it is
//      written, in that order, each once.
//   2. Its subject is the base subject (base-subject.ts), in ASCII lower case, with all white space removed.
//   3. For each id, a key: the first 8 octets, in hex, of SHA-256 over "threads-1", LF, id, LF, subject in UTF-8.
//   4. Messages that share a key are in one thread. A message without ids has no key and is a thread of its own.
// Of each field the first 256 KiB count, of the subject the first 8,000 octets and 1,000 characters.
// Sharing an id but not the subject therefore begins a new thread, as a person would expect.
//
// Changing anything here changes stored keys: make a "threads-2" beside it instead.
import { hash } from 'node:crypto'
import { asciiLower } from '../base/bytes.ts'
import { baseSubjectOf } from './base-subject.ts'
import type { ByteString } from './byte-string.ts'
import { FIELD, KnownFields, readKnownFields } from './known-fields.ts'

export const THREAD_RULE = 'threads-1'

const IN_REPLY_TO_IDS_MAX = 10
const REFERENCES_LAST_MAX = 29
const ID_OCTETS_MAX = 998

/** Keys of a message by its header section. */
export function threadKeysOf(header: Uint8Array): string[] {
  const fields = new KnownFields(header)
  readKnownFields(header, fields)
  return threadKeys(fields)
}

export function threadKeys(fields: KnownFields): string[] {
  const ids = new Set<ByteString>()
  const own = fields.value(FIELD.messageId)
  if (own !== undefined) for (const id of messageIds(own, 1)) ids.add(id)
  const inReplyTo = fields.value(FIELD.inReplyTo)
  if (inReplyTo !== undefined) for (const id of messageIds(inReplyTo, IN_REPLY_TO_IDS_MAX)) ids.add(id)
  const references = fields.value(FIELD.references)
  if (references !== undefined) {
    for (const id of messageIds(references, 1)) ids.add(id)
    for (const id of lastMessageIds(references, REFERENCES_LAST_MAX)) ids.add(id)
  }
  if (ids.size === 0) return []
  const subject = threadSubject(fields.value(FIELD.subject))
  const keys: string[] = []
  for (const id of ids) {
    // One octet a character for the id; the subject is text.
    const octets = Buffer.concat([Buffer.from(`${THREAD_RULE}\n${id}\n`, 'latin1'), Buffer.from(subject, 'utf8')])
    keys.push(hash('sha256', octets, 'hex').slice(0, 16))
  }
  return keys
}

function threadSubject(subject: ByteString | undefined): string {
  return subject === undefined ? '' : asciiLower(baseSubjectOf(subject).text.replace(/[\t\n\v\f\r \u00a0\u3000]+/g, ''))
}

/** The first `max` ids of a value, without their brackets. */
export function messageIds(value: ByteString, max: number): ByteString[] {
  const ids: ByteString[] = []
  let at = 0
  while (ids.length < max) {
    const open = value.indexOf('<', at)
    if (open < 0) break
    const close = value.indexOf('>', open + 1)
    if (close < 0) break
    addId(ids, value, open, close)
    at = close + 1
  }
  return ids
}

/** The last `max` ids, in order. */
function lastMessageIds(value: ByteString, max: number): ByteString[] {
  const ids: ByteString[] = []
  let at = value.length - 1
  while (ids.length < max && at > 0) {
    const close = value.lastIndexOf('>', at)
    if (close <= 0) break
    const open = value.lastIndexOf('<', close - 1)
    if (open < 0) break
    addId(ids, value, open, close)
    at = open - 1
  }
  return ids.reverse()
}

function addId(ids: ByteString[], value: ByteString, open: number, close: number): void {
  if (close - open > ID_OCTETS_MAX) return
  const inside = value.slice(value.lastIndexOf('<', close - 1) + 1, close)
  const id = inside.includes(' ') || inside.includes('\t') ? inside.replace(/[ \t]+/g, '') : inside
  if (id.length >= 3) ids.push(id)
}
