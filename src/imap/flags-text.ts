// Flags as the protocol writes them, and back.
import { asciiLower } from '../base/bytes.ts'
import { SYSTEM_FLAGS, keywordText } from '../store/store.ts'
import type { Flags } from '../store/store.ts'

/** `\Answered \Seen $Junk`, the inside of the parentheses. */
export function printFlags(bits: number, keywords: string, recent: boolean): string {
  let text = ''
  for (const [bit, name] of SYSTEM_FLAGS) if (bits & bit) text += text === '' ? name : ` ${name}`
  if (recent) text += text === '' ? '\\Recent' : ' \\Recent'
  if (keywords !== '') text += text === '' ? keywords : ` ${keywords}`
  return text
}

const BITS = new Map(SYSTEM_FLAGS.map(([bit, name]) => [asciiLower(name), bit]))
const KEYWORD_OCTETS_MAX = 100

/** Flags a client names. `unknown`: a `\Flag` that is none, or a keyword that is too long. */
export function readFlags(flags: readonly string[]): Flags & { unknown: string | undefined } {
  let bits = 0
  let unknown: string | undefined
  const keywords: string[] = []
  for (const flag of flags) {
    if (!flag.startsWith('\\')) {
      if (flag.length > KEYWORD_OCTETS_MAX) unknown ??= flag.slice(0, KEYWORD_OCTETS_MAX)
      else keywords.push(flag)
      continue
    }
    const bit = BITS.get(asciiLower(flag))
    if (bit !== undefined) bits |= bit
    // \Recent cannot be set (RFC 3501 §2.3.2); clients that send back what they were shown are not punished.
    else if (flag !== '\\Recent') unknown ??= flag
  }
  return { bits, keywords: keywordText(keywords), unknown }
}

export const SYSTEM_FLAGS_TEXT = '\\Answered \\Flagged \\Deleted \\Seen \\Draft'
