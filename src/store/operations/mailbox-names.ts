// What a mailbox may be called. Names are Unicode text with "/" between levels; INBOX is INBOX in any
// spelling, also as the first level of a longer name (RFC 9051 §5.1). No table of letters is asked here:
// doors normalise names (NFC) before they submit them.
import { MAILBOX_NAME_OCTETS_MAX } from './context.ts'

/** The name as it is kept, or undefined when it cannot be one. */
export function keptName(name: string): string | undefined {
  if (name === '' || Buffer.byteLength(name) > MAILBOX_NAME_OCTETS_MAX) return undefined
  // Controls have no place in a name (RFC 5198 §2), and "*" and "%" could never be listed (RFC 9051 §5.1).
  if (/[\u0000-\u001f\u007f-\u009f*%\ud800-\udfff]/u.test(name)) return undefined
  const levels = name.split('/')
  if (levels.includes('')) return undefined
  if (/^inbox$/i.test(levels[0] ?? '')) levels[0] = 'INBOX'
  return levels.join('/')
}

/** "a/b/c" → "a", "a/b". */
export function namesAbove(name: string): string[] {
  const above: string[] = []
  for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) above.push(name.slice(0, at))
  return above
}
