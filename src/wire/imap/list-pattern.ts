// LIST and LSUB patterns: "*" matches anything, "%" anything without the hierarchy separator
// (RFC 3501 §6.3.8). Matching costs at most pattern × name steps, whatever the pattern.

/** A longer pattern matches nothing: no name is so long. */
const PATTERN_LENGTH_MAX = 4000

export function matchesPattern(pattern: string, name: string, separator = '/'): boolean {
  if (pattern === '*') return true
  if (pattern.length > PATTERN_LENGTH_MAX) return false
  if (!pattern.includes('*') && !pattern.includes('%')) return pattern === name
  // Reachable positions in the name after each pattern character: no backtracking, so "****…" costs nothing.
  const length = name.length
  let reach = new Uint8Array(length + 1)
  reach[0] = 1
  let previous = ''
  for (const letter of pattern) {
    if (letter === previous && (letter === '*' || letter === '%')) continue
    previous = letter
    const next = new Uint8Array(length + 1)
    if (letter === '*' || letter === '%') {
      let open = false
      for (let at = 0; at <= length; at += 1) {
        if (reach[at]) open = true
        if (open) next[at] = 1
        if (letter === '%' && name[at] === separator) open = false
      }
    } else {
      for (let at = 0; at + letter.length <= length; at += 1) {
        if (reach[at] && name.startsWith(letter, at)) next[at + letter.length] = 1
      }
    }
    reach = next
  }
  return reach[length] === 1
}

/** Does the pattern match the name, INBOX in any case? */
export function matchesMailbox(pattern: string, name: string): boolean {
  if (name === 'INBOX') return matchesPattern(pattern.toUpperCase(), 'INBOX')
  if (name.startsWith('INBOX/')) return matchesPattern(upperInbox(pattern), name)
  return matchesPattern(pattern, name)
}

function upperInbox(pattern: string): string {
  return /^inbox/i.test(pattern) ? `INBOX${pattern.slice(5)}` : pattern
}
