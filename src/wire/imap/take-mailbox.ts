// A mailbox name inside a command, in its canonical form.
import type { Cursor } from './cursor.ts'
import { canonicalMailboxName, parseMailboxName } from './mailbox-name.ts'

export function takeMailbox(cursor: Cursor, utf8: boolean): string {
  return canonicalMailboxName(decoded(cursor, cursor.takeAstring(), utf8))
}

/**
 * list-mailbox of LIST and LSUB: wildcards stay as they are. What is no name at all is still a pattern, which
 * matches nothing.
 */
export function takePattern(cursor: Cursor, utf8: boolean): string {
  const pattern = parseMailboxName(cursor.takeListMailbox(), utf8)
  return pattern.ok ? pattern.value : NO_NAME
}

/** No mailbox has a name with NUL. */
const NO_NAME = '\0'

function decoded(cursor: Cursor, bytes: Uint8Array, utf8: boolean): string {
  const name = parseMailboxName(bytes, utf8)
  return name.ok ? name.value : cursor.fail(name.reason, name.code)
}
