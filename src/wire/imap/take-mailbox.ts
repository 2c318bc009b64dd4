// A mailbox name inside a command, in its canonical form.
import type { Cursor } from './cursor.ts'
import { canonicalMailboxName, parseMailboxName } from './mailbox-name.ts'

export function takeMailbox(cursor: Cursor, utf8: boolean): string {
  return canonicalMailboxName(decoded(cursor, cursor.takeAstring(), utf8))
}

/** list-mailbox of LIST and LSUB: wildcards stay as they are. */
export function takePattern(cursor: Cursor, utf8: boolean): string {
  return decoded(cursor, cursor.takeListMailbox(), utf8)
}

function decoded(cursor: Cursor, bytes: Uint8Array, utf8: boolean): string {
  const name = parseMailboxName(bytes, utf8)
  return name.ok ? name.value : cursor.fail(name.reason, name.code)
}
