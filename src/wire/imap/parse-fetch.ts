// FETCH (RFC 3501 §6.4.5), its macros, sections and parts, with BINARY (RFC 3516), MODSEQ and
// CHANGEDSINCE (RFC 7162), and the small items of OBJECTID, SAVEDATE and PREVIEW.
import { latin1Of } from '../../base/bytes.ts'
import type { Cursor } from './cursor.ts'
import { takeSequenceSet } from './sequence-set.ts'
import type { SequenceSet } from './sequence-set.ts'

export interface FetchCommand {
  readonly name: 'FETCH'
  readonly uid: boolean
  readonly set: SequenceSet
  readonly items: readonly FetchItem[]
  readonly changedSince: number | undefined
  readonly vanished: boolean
}

export type PlainItem =
  | 'UID' | 'FLAGS' | 'INTERNALDATE' | 'RFC822.SIZE' | 'ENVELOPE' | 'BODY' | 'BODYSTRUCTURE' | 'MODSEQ'
  | 'EMAILID' | 'THREADID' | 'SAVEDATE' | 'PREVIEW'

export type FetchItem =
  | { readonly item: 'plain'; readonly name: PlainItem }
  /** RFC822, RFC822.HEADER, RFC822.TEXT are sections under an older name. */
  | { readonly item: 'section'; readonly peek: boolean; readonly section: Section; readonly partial: Partial | undefined; readonly label: string }
  | { readonly item: 'binary'; readonly peek: boolean; readonly part: readonly number[]; readonly partial: Partial | undefined; readonly label: string }
  | { readonly item: 'binary-size'; readonly part: readonly number[]; readonly label: string }

export interface Section {
  /** Part numbers; empty for the message itself. */
  readonly part: readonly number[]
  readonly text: 'WHOLE' | 'HEADER' | 'TEXT' | 'MIME' | 'HEADER.FIELDS' | 'HEADER.FIELDS.NOT'
  /** Names of header fields in lower case, for the last two. */
  readonly fields: readonly string[]
}

export interface Partial {
  readonly offset: number
  readonly count: number
}

/** Part numbers go so deep, no more: enough for any mail, not for an attack. */
const PART_DEPTH_MAX = 200
const ITEMS_MAX = 1000

const PLAIN = new Set<string>(['UID', 'FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY', 'BODYSTRUCTURE', 'MODSEQ', 'EMAILID', 'THREADID', 'SAVEDATE', 'PREVIEW'])
const MACROS: Record<string, readonly PlainItem[]> = {
  ALL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE'],
  FAST: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'],
  FULL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY'],
}

export function takeFetch(cursor: Cursor, uid: boolean): FetchCommand {
  const set = takeSequenceSet(cursor)
  cursor.takeSpace()
  const items = takeItems(cursor)
  let changedSince: number | undefined
  let vanished = false
  if (cursor.maybeSpace()) {
    cursor.takeList(() => {
      const word = cursor.takeWord()
      if (word === 'CHANGEDSINCE') {
        cursor.takeSpace()
        changedSince = cursor.takeNumber64()
      } else if (word === 'VANISHED') vanished = true
      else cursor.fail('unknown FETCH modifier')
    })
  }
  if (vanished && (!uid || changedSince === undefined)) cursor.fail('VANISHED goes with UID FETCH and CHANGEDSINCE (RFC 7162 §3.2.6)')
  return { name: 'FETCH', uid, set, items, changedSince, vanished }
}

function takeItems(cursor: Cursor): FetchItem[] {
  if (!cursor.atList) {
    for (const [macro, names] of Object.entries(MACROS)) {
      if (cursor.maybeWord(macro)) return names.map((name) => ({ item: 'plain', name }))
    }
    return [takeItem(cursor)]
  }
  const items = cursor.takeList(() => takeItem(cursor))
  if (items.length === 0) cursor.fail('an empty list of items')
  if (items.length > ITEMS_MAX) cursor.fail('too many items')
  return items
}

function takeItem(cursor: Cursor): FetchItem {
  const name = cursor.takeLetters()
  if (cursor.maybe('[')) {
    switch (name) {
      case 'BODY':
      case 'BODY.PEEK': return takeSectionItem(cursor, name === 'BODY.PEEK')
      case 'BINARY':
      case 'BINARY.PEEK': {
        const part = takePartThenClose(cursor)
        const partial = takePartial(cursor)
        return { item: 'binary', peek: name === 'BINARY.PEEK', part, partial, label: `BINARY[${part.join('.')}]${originOf(partial)}` }
      }
      case 'BINARY.SIZE': {
        const part = takePartThenClose(cursor)
        return { item: 'binary-size', part, label: `BINARY.SIZE[${part.join('.')}]` }
      }
      default: return cursor.fail(`${name} has no section`)
    }
  }
  switch (name) {
    case 'RFC822': return { item: 'section', peek: false, section: { part: [], text: 'WHOLE', fields: [] }, partial: undefined, label: name }
    case 'RFC822.HEADER': return { item: 'section', peek: true, section: { part: [], text: 'HEADER', fields: [] }, partial: undefined, label: name }
    case 'RFC822.TEXT': return { item: 'section', peek: false, section: { part: [], text: 'TEXT', fields: [] }, partial: undefined, label: name }
    case 'PREVIEW':
      // RFC 8970: PREVIEW (LAZY)
      if (cursor.peek() === 0x20 && cursor.peek(1) === 0x28) {
        cursor.takeSpace()
        cursor.takeList(() => cursor.takeWord() === 'LAZY' || cursor.fail('unknown PREVIEW modifier'))
      }
      return { item: 'plain', name }
    default:
      if (!PLAIN.has(name)) return cursor.fail(`unknown item ${name}`)
      return { item: 'plain', name: name as PlainItem }
  }
}

function takeSectionItem(cursor: Cursor, peek: boolean): FetchItem {
  const part = takePart(cursor)
  let text: Section['text'] = 'WHOLE'
  let fields: string[] = []
  let fieldsAsSent = ''
  if (!cursor.peekIs(']')) {
    const word = cursor.takeLetters()
    switch (word) {
      case 'HEADER':
      case 'TEXT': text = word; break
      case 'MIME':
        if (part.length === 0) cursor.fail('MIME needs a part (RFC 3501 §6.4.5)')
        text = word
        break
      case 'HEADER.FIELDS':
      case 'HEADER.FIELDS.NOT': {
        text = word
        cursor.takeSpace()
        const names = cursor.takeList(() => takeFieldName(cursor))
        if (names.length === 0) cursor.fail('no field is named')
        fieldsAsSent = ` (${names.map((name) => printFieldName(name)).join(' ')})`
        fields = names.map((name) => name.toLowerCase())
        break
      }
      default: cursor.fail(`unknown section ${word}`)
    }
  }
  cursor.take(']')
  const partial = takePartial(cursor)
  const words = [...part.map(String), ...(text === 'WHOLE' ? [] : [text])].join('.')
  return { item: 'section', peek, section: { part, text, fields }, partial, label: `BODY[${words}${fieldsAsSent}]${originOf(partial)}` }
}

function takeFieldName(cursor: Cursor): string {
  const name = latin1Of(cursor.takeAstring())
  for (let i = 0; i < name.length; i += 1) {
    const code = name.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) cursor.fail('a header field name is printable ASCII')
  }
  return name
}

function printFieldName(name: string): string {
  return /^[^(){ %*"\\]+$/.test(name) ? name : `"${name.replace(/["\\]/g, '\\$&')}"`
}

function originOf(partial: Partial | undefined): string {
  return partial ? `<${partial.offset}>` : ''
}

/** `1.2.3` and, if more follows, the dot behind it. */
function takePart(cursor: Cursor): number[] {
  const part: number[] = []
  while (cursor.peek() >= 0x30 && cursor.peek() <= 0x39) {
    part.push(cursor.takeNonZero())
    if (part.length > PART_DEPTH_MAX) cursor.fail('parts nested too deeply')
    if (!cursor.maybe('.')) return part
    if (cursor.peekIs(']')) cursor.fail('a part number ends with a dot')
  }
  return part
}

function takePartThenClose(cursor: Cursor): number[] {
  const part = takePart(cursor)
  cursor.take(']')
  return part
}

function takePartial(cursor: Cursor): Partial | undefined {
  if (!cursor.maybe('<')) return undefined
  const offset = cursor.takeNumber64()
  cursor.take('.')
  const count = cursor.takeNumber64()
  if (count === 0) cursor.fail('a part of zero octets')
  cursor.take('>')
  return { offset, count }
}
