// STORE (RFC 3501 §6.4.6, RFC 7162 UNCHANGEDSINCE) and lists of flags.
import type { Cursor } from './cursor.ts'
import { takeSequenceSet } from './sequence-set.ts'
import type { SequenceSet } from './sequence-set.ts'

export interface StoreCommand {
  readonly name: 'STORE'
  readonly uid: boolean
  readonly set: SequenceSet
  readonly action: 'replace' | 'add' | 'remove'
  readonly silent: boolean
  readonly flags: readonly string[]
  readonly unchangedSince: number | undefined
}

const SYSTEM_FLAGS = new Map(['\\Seen', '\\Answered', '\\Flagged', '\\Deleted', '\\Draft', '\\Recent'].map((flag) => [flag.toUpperCase(), flag]))

export function takeFlag(cursor: Cursor): string {
  if (!cursor.maybe('\\')) return cursor.takeAtom()
  if (cursor.maybe('*')) return cursor.fail('\\* is not a flag that can be set')
  const flag = `\\${cursor.takeAtom()}`
  return SYSTEM_FLAGS.get(flag.toUpperCase()) ?? flag
}

export function takeFlagList(cursor: Cursor): string[] {
  return cursor.takeList(() => takeFlag(cursor))
}

export function takeStore(cursor: Cursor, uid: boolean): StoreCommand {
  const set = takeSequenceSet(cursor)
  cursor.takeSpace()
  let unchangedSince: number | undefined
  if (cursor.atList) {
    cursor.takeList(() => {
      if (cursor.takeWord() !== 'UNCHANGEDSINCE') cursor.fail('unknown STORE modifier')
      cursor.takeSpace()
      unchangedSince = cursor.takeNumber64()
    })
    cursor.takeSpace()
  }
  const action = cursor.maybe('+') ? 'add' : cursor.maybe('-') ? 'remove' : 'replace'
  const item = cursor.takeWord()
  if (item !== 'FLAGS' && item !== 'FLAGS.SILENT') cursor.fail('expected FLAGS or FLAGS.SILENT')
  cursor.takeSpace()
  const flags = cursor.atList ? takeFlagList(cursor) : [takeFlag(cursor)]
  while (cursor.maybeSpace()) flags.push(takeFlag(cursor))
  return { name: 'STORE', uid, set, action, silent: item === 'FLAGS.SILENT', flags, unchangedSince }
}
