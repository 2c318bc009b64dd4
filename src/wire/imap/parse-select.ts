// SELECT and EXAMINE (RFC 3501 §6.3.1) with CONDSTORE and QRESYNC (RFC 7162).
import type { Cursor } from './cursor.ts'
import { takeSequenceSet } from './sequence-set.ts'
import type { SequenceSet } from './sequence-set.ts'
import { takeMailbox } from './take-mailbox.ts'

export interface SelectCommand {
  readonly name: 'SELECT' | 'EXAMINE'
  readonly mailbox: string
  readonly condstore: boolean
  readonly qresync: QuickResync | undefined
}

export interface QuickResync {
  readonly uidValidity: number
  readonly modseq: number
  readonly knownUids: SequenceSet | undefined
  readonly match: { readonly sequence: SequenceSet; readonly uids: SequenceSet } | undefined
}

export function takeSelect(cursor: Cursor, name: 'SELECT' | 'EXAMINE', utf8: boolean): SelectCommand {
  const mailbox = takeMailbox(cursor, utf8)
  let condstore = false
  let qresync: QuickResync | undefined
  if (cursor.maybeSpace()) {
    cursor.takeList(() => {
      const word = cursor.takeWord()
      if (word === 'CONDSTORE') condstore = true
      else if (word === 'QRESYNC') {
        cursor.takeSpace()
        qresync = takeQuickResync(cursor)
        condstore = true
      } else cursor.fail(`unknown parameter ${word}`)
    })
  }
  return { name, mailbox, condstore, qresync }
}

function takeQuickResync(cursor: Cursor): QuickResync {
  cursor.take('(')
  const uidValidity = cursor.takeNonZero()
  cursor.takeSpace()
  const modseq = cursor.takeNumber64()
  let knownUids: SequenceSet | undefined
  let match: QuickResync['match']
  let more = cursor.maybeSpace()
  if (more && !cursor.atList) {
    knownUids = takeSequenceSet(cursor)
    more = cursor.maybeSpace()
  }
  if (more) {
    cursor.take('(')
    const sequence = takeSequenceSet(cursor)
    cursor.takeSpace()
    match = { sequence, uids: takeSequenceSet(cursor) }
    cursor.take(')')
  }
  cursor.take(')')
  return { uidValidity, modseq, knownUids, match }
}
