// LIST and LSUB (RFC 3501 §6.3.8, §6.3.9), with the options of RFC 5258, 5819 and 6154.
import type { Cursor } from './cursor.ts'
import { takeStatusItems } from './parse-status.ts'
import type { StatusItem } from './parse-status.ts'
import { takePattern } from './take-mailbox.ts'

export interface ListCommand {
  readonly name: 'LIST' | 'LSUB'
  readonly selection: ReadonlySet<ListSelection>
  readonly reference: string
  readonly patterns: readonly string[]
  readonly returns: ReadonlySet<ListReturn>
  readonly status: readonly StatusItem[]
  /** The client used the extended form: a list of options or of patterns, or RETURN. */
  readonly extended: boolean
}

export type ListSelection = 'SUBSCRIBED' | 'REMOTE' | 'RECURSIVEMATCH' | 'SPECIAL-USE'
export type ListReturn = 'SUBSCRIBED' | 'CHILDREN' | 'SPECIAL-USE'

const PATTERNS_MAX = 100

export function takeList(cursor: Cursor, name: 'LIST' | 'LSUB', utf8: boolean): ListCommand {
  const selection = new Set<ListSelection>()
  const returns = new Set<ListReturn>()
  let status: readonly StatusItem[] = []
  let extended = false
  if (name === 'LIST' && cursor.atList) {
    extended = true
    for (const word of cursor.takeList(() => cursor.takeWord())) {
      if (word !== 'SUBSCRIBED' && word !== 'REMOTE' && word !== 'RECURSIVEMATCH' && word !== 'SPECIAL-USE') cursor.fail(`unknown LIST option ${word}`)
      selection.add(word as ListSelection)
    }
    // RFC 5258 §3.1: RECURSIVEMATCH needs something to match recursively.
    if (selection.has('RECURSIVEMATCH') && !selection.has('SUBSCRIBED')) cursor.fail('RECURSIVEMATCH goes with SUBSCRIBED')
    cursor.takeSpace()
  }
  const reference = takePattern(cursor, utf8)
  cursor.takeSpace()
  let patterns: string[]
  if (name === 'LIST' && cursor.atList) {
    extended = true
    patterns = cursor.takeList(() => takePattern(cursor, utf8))
    if (patterns.length === 0 || patterns.length > PATTERNS_MAX) cursor.fail('expected patterns')
  } else patterns = [takePattern(cursor, utf8)]
  if (name === 'LIST' && cursor.maybeSpace()) {
    extended = true
    if (!cursor.maybeWord('RETURN')) cursor.fail('expected RETURN')
    cursor.takeSpace()
    cursor.takeList(() => {
      const word = cursor.takeWord()
      if (word === 'STATUS') {
        cursor.takeSpace()
        status = takeStatusItems(cursor)
      } else if (word === 'SUBSCRIBED' || word === 'CHILDREN' || word === 'SPECIAL-USE') returns.add(word)
      else cursor.fail(`unknown LIST return option ${word}`)
    })
  }
  return { name, selection, reference, patterns, returns, status, extended }
}
