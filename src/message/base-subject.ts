// The base subject of a message: what is left without "Re:", "Fwd:", list tags and "(fwd)" (RFC 5256 §2.1).
// Used for threads and for SORT; linear in the length of the subject, of which only the beginning counts.
import { decodeEncodedWords } from './encoded-word.ts'
import type { ByteString } from './byte-string.ts'

/** Characters of a subject that are looked at. */
const SUBJECT_CHARACTERS_MAX = 1000

/** Prefixes of replies and forwards. RFC 5256 knows re, fw and fwd; clients of other languages write others. */
const REPLY = /^(?:re|fwd?|aw|wg|sv|vs|antw|返信|転送|回复|答复|转发|回覆|轉寄) ?(?:\[[^[\]]*\]|\^?\d{1,3})? ?[:：] ?/i
const BLOB = /^\[[^[\]]*\] ?/
const TRAILER = /(?: ?\(fwd\)| )$/i

export interface BaseSubject {
  /** Decoded; white space collapsed; as written otherwise. */
  text: string
  /** Something was taken off that marks a reply or a forward. */
  isReply: boolean
}

/** From an unfolded Subject value. */
export function baseSubjectOf(subject: ByteString): BaseSubject {
  return baseSubjectOfText(decodeEncodedWords(subject.slice(0, SUBJECT_CHARACTERS_MAX * 8)))
}

export function baseSubjectOfText(decoded: string): BaseSubject {
  let text = decoded.slice(0, SUBJECT_CHARACTERS_MAX).replace(/[\t \u3000]+/g, ' ').trim()
  let isReply = false
  for (;;) {
    const before = text
    // (2) trailers
    for (let trimmed = text.replace(TRAILER, ''); trimmed !== text; trimmed = text.replace(TRAILER, '')) {
      if (!text.endsWith(' ')) isReply = true
      text = trimmed
    }
    // (3) to (5) leaders, and blobs that leave something behind
    for (;;) {
      const afterBlobs = skipBlobs(text)
      const leader = REPLY.exec(afterBlobs)
      if (leader) {
        text = afterBlobs.slice(leader[0].length).trimStart()
        isReply = true
        continue
      }
      const withoutBlob = text.replace(BLOB, '')
      if (withoutBlob !== text && withoutBlob !== '') {
        text = withoutBlob
        continue
      }
      break
    }
    // (6) [fwd: … ]
    const wrapped = /^\[fwd: ?(.*)\]$/i.exec(text)
    if (wrapped) {
      text = wrapped[1]!.trim()
      isReply = true
    }
    if (text === before) return { text, isReply }
  }
}

/** Leading `[…]` before a possible "Re:". */
function skipBlobs(text: string): string {
  let rest = text
  for (let blob = BLOB.exec(rest); blob; blob = BLOB.exec(rest)) rest = rest.slice(blob[0].length)
  return rest
}
