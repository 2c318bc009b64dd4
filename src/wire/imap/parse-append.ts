// APPEND (RFC 3501 §6.3.11, RFC 3502 MULTIAPPEND, RFC 6855 UTF8, RFC 3516 literal8): its head up to the
// announcement of a message, so that the message itself can stream past the grammar.
import type { Parsed } from '../../base/errors.ts'
import { refuse, understood } from '../../base/errors.ts'
import type { AppendHead, AppendMessageHead } from './command.ts'
import { Cursor, GrammarError } from './cursor.ts'
import { takeDateTime } from './dates.ts'
import { takeMailbox } from './take-mailbox.ts'
import { takeFlagList } from './parse-store.ts'

/**
 * Is the literal that is announced behind these bytes the message of an APPEND? Not if it is the mailbox
 * name, or belongs to another command.
 */
export function appendLiteralIsMessage(head: Uint8Array): boolean {
  const cursor = new Cursor(head)
  try {
    cursor.takeTag()
    cursor.takeSpace()
    if (cursor.takeWord() !== 'APPEND') return false
    cursor.takeSpace()
    if (cursor.atEnd) return false
    cursor.takeAstring()
    return cursor.peek() === 0x20
  } catch (error) {
    if (error instanceof GrammarError) return false
    throw error
  }
}

/** @param head everything from the tag up to, and without, the announcement. */
export function parseAppendHead(head: Uint8Array, options: { utf8: boolean }): Parsed<AppendHead> {
  return guarded(() => {
    const cursor = new Cursor(head)
    const tag = cursor.takeTag()
    cursor.takeSpace()
    cursor.takeWord()
    cursor.takeSpace()
    const mailbox = takeMailbox(cursor, options.utf8)
    return { tag, mailbox, message: takeMessageHead(cursor) }
  })
}

/** The head of a second or later message in one APPEND. `afterUtf8`: the one before stood in `UTF8 (…)`. */
export function parseNextMessageHead(head: Uint8Array, afterUtf8: boolean): Parsed<AppendMessageHead> {
  return guarded(() => {
    const cursor = new Cursor(head)
    if (afterUtf8) cursor.take(')')
    return takeMessageHead(cursor)
  })
}

/** What stands between the last message and the end of the line: nothing, or the ")" of `UTF8 (…)`. */
export function parseAppendEnd(rest: Uint8Array, afterUtf8: boolean): Parsed<true> {
  return guarded(() => {
    const cursor = new Cursor(rest)
    if (afterUtf8) cursor.take(')')
    cursor.takeEnd()
    return true as const
  })
}

function takeMessageHead(cursor: Cursor): AppendMessageHead {
  cursor.takeSpace()
  let flags: string[] = []
  if (cursor.atList) {
    flags = takeFlagList(cursor)
    cursor.takeSpace()
  }
  let date: AppendMessageHead['date']
  if (cursor.peekIs('"')) {
    date = takeDateTime(cursor)
    cursor.takeSpace()
  }
  let utf8 = false
  if (cursor.maybeWord('UTF8')) {
    cursor.takeSpace()
    cursor.take('(')
    utf8 = true
  }
  cursor.takeEnd()
  return { flags, date, utf8 }
}

function guarded<T>(act: () => T): Parsed<T> {
  try {
    return understood(act())
  } catch (error) {
    if (error instanceof GrammarError) return refuse(error.code, error.message)
    throw error
  }
}
