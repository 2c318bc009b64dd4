// SEARCH (RFC 3501 §6.4.4) with RETURN (RFC 4731, 5182), MODSEQ (RFC 7162) and WITHIN (RFC 5032).
// Strings stay bytes: their charset is the session's business.
import { latin1Of } from '../../base/bytes.ts'
import type { Cursor } from './cursor.ts'
import { takeDate } from './dates.ts'
import { takeSequenceSet } from './sequence-set.ts'
import type { SequenceSet } from './sequence-set.ts'

export interface SearchCommand {
  readonly name: 'SEARCH'
  readonly uid: boolean
  /** undefined: the plain SEARCH response; a set, perhaps empty: ESEARCH. */
  readonly returns: ReadonlySet<SearchReturn> | undefined
  readonly charset: string | undefined
  readonly key: SearchKey
}

export type SearchReturn = 'MIN' | 'MAX' | 'ALL' | 'COUNT' | 'SAVE'

export type SearchKey =
  | { readonly key: 'all' }
  | { readonly key: 'and'; readonly of: readonly SearchKey[] }
  | { readonly key: 'or'; readonly left: SearchKey; readonly right: SearchKey }
  | { readonly key: 'not'; readonly of: SearchKey }
  /** System flags and keywords alike; `\Recent` too. */
  | { readonly key: 'flag'; readonly flag: string }
  | { readonly key: 'sequence'; readonly set: SequenceSet }
  | { readonly key: 'uid'; readonly set: SequenceSet }
  /** Days since 1970-01-01. */
  | { readonly key: 'received' | 'sent'; readonly when: 'before' | 'on' | 'since'; readonly day: number }
  | { readonly key: 'younger' | 'older'; readonly seconds: number }
  | { readonly key: 'larger' | 'smaller'; readonly octets: number }
  /** Field name in lower case; empty text: the field is there at all. */
  | { readonly key: 'header'; readonly field: string; readonly text: Uint8Array }
  | { readonly key: 'body' | 'text'; readonly text: Uint8Array }
  | { readonly key: 'modseq'; readonly since: number }
  | { readonly key: 'emailid' | 'threadid'; readonly id: string }

/** Nesting of parentheses, OR and NOT. */
const DEPTH_MAX = 100
const KEYS_MAX = 1000

const FLAGS: Record<string, string> = {
  ANSWERED: '\\Answered', DELETED: '\\Deleted', DRAFT: '\\Draft', FLAGGED: '\\Flagged', RECENT: '\\Recent', SEEN: '\\Seen',
}

interface Budget { keys: number }

export function takeSearch(cursor: Cursor, uid: boolean): SearchCommand {
  let returns: Set<SearchReturn> | undefined
  if (cursor.maybeWord('RETURN')) {
    cursor.takeSpace()
    const words = cursor.takeList(() => cursor.takeWord())
    returns = new Set()
    for (const word of words) {
      if (word !== 'MIN' && word !== 'MAX' && word !== 'ALL' && word !== 'COUNT' && word !== 'SAVE') cursor.fail(`unknown search result ${word}`)
      returns.add(word as SearchReturn)
    }
    if (words.length === 0) returns.add('ALL') // RFC 4731 §3.1
    cursor.takeSpace()
  }
  let charset: string | undefined
  if (cursor.maybeWord('CHARSET')) {
    cursor.takeSpace()
    charset = latin1Of(cursor.takeAstring())
    cursor.takeSpace()
  }
  const budget = { keys: 0 }
  const keys = [takeKey(cursor, budget, 0)]
  while (cursor.maybeSpace()) keys.push(takeKey(cursor, budget, 0))
  return { name: 'SEARCH', uid, returns, charset, key: keys.length === 1 ? keys[0]! : { key: 'and', of: keys } }
}

function takeKey(cursor: Cursor, budget: Budget, depth: number): SearchKey {
  budget.keys += 1
  if (budget.keys > KEYS_MAX || depth > DEPTH_MAX) return cursor.fail('the search is too large', 'search-too-large')
  if (cursor.atList) {
    const of = cursor.takeList(() => takeKey(cursor, budget, depth + 1))
    if (of.length === 0) cursor.fail('an empty group of search keys')
    return of.length === 1 ? of[0]! : { key: 'and', of }
  }
  const first = cursor.peek()
  if ((first >= 0x30 && first <= 0x39) || first === 0x2a || first === 0x24) return { key: 'sequence', set: takeSequenceSet(cursor) }
  const word = cursor.takeWord()
  switch (word) {
    case 'ALL': return { key: 'all' }
    case 'ANSWERED': case 'DELETED': case 'DRAFT': case 'FLAGGED': case 'RECENT': case 'SEEN':
      return { key: 'flag', flag: FLAGS[word]! }
    case 'UNANSWERED': case 'UNDELETED': case 'UNDRAFT': case 'UNFLAGGED': case 'UNSEEN':
      return { key: 'not', of: { key: 'flag', flag: FLAGS[word.slice(2)]! } }
    case 'NEW': return { key: 'and', of: [{ key: 'flag', flag: '\\Recent' }, { key: 'not', of: { key: 'flag', flag: '\\Seen' } }] }
    case 'OLD': return { key: 'not', of: { key: 'flag', flag: '\\Recent' } }
    case 'KEYWORD': case 'UNKEYWORD': {
      cursor.takeSpace()
      const key: SearchKey = { key: 'flag', flag: cursor.takeAtom() }
      return word === 'KEYWORD' ? key : { key: 'not', of: key }
    }
    case 'BEFORE': case 'ON': case 'SINCE':
      cursor.takeSpace()
      return { key: 'received', when: word.toLowerCase() as 'before' | 'on' | 'since', day: takeDate(cursor) }
    case 'SENTBEFORE': case 'SENTON': case 'SENTSINCE':
      cursor.takeSpace()
      return { key: 'sent', when: word.slice(4).toLowerCase() as 'before' | 'on' | 'since', day: takeDate(cursor) }
    case 'YOUNGER': case 'OLDER':
      cursor.takeSpace()
      return { key: word === 'YOUNGER' ? 'younger' : 'older', seconds: cursor.takeNonZero() }
    case 'LARGER': case 'SMALLER':
      cursor.takeSpace()
      return { key: word === 'LARGER' ? 'larger' : 'smaller', octets: cursor.takeNumber64() }
    case 'BCC': case 'CC': case 'FROM': case 'SUBJECT': case 'TO':
      cursor.takeSpace()
      return { key: 'header', field: word.toLowerCase(), text: cursor.takeAstring() }
    case 'HEADER': {
      cursor.takeSpace()
      const field = latin1Of(cursor.takeAstring()).toLowerCase()
      cursor.takeSpace()
      return { key: 'header', field, text: cursor.takeAstring() }
    }
    case 'BODY': case 'TEXT':
      cursor.takeSpace()
      return { key: word === 'BODY' ? 'body' : 'text', text: cursor.takeAstring() }
    case 'NOT':
      cursor.takeSpace()
      return { key: 'not', of: takeKey(cursor, budget, depth + 1) }
    case 'OR': {
      cursor.takeSpace()
      const left = takeKey(cursor, budget, depth + 1)
      cursor.takeSpace()
      return { key: 'or', left, right: takeKey(cursor, budget, depth + 1) }
    }
    case 'UID':
      cursor.takeSpace()
      return { key: 'uid', set: takeSequenceSet(cursor) }
    case 'MODSEQ':
      cursor.takeSpace()
      // RFC 7162 §3.1.5: an entry name and type may stand before the number; ours are all one counter.
      if (cursor.peekIs('"')) {
        cursor.takeString()
        cursor.takeSpace()
        cursor.takeWord()
        cursor.takeSpace()
      }
      return { key: 'modseq', since: cursor.takeNumber64() }
    case 'EMAILID': case 'THREADID':
      cursor.takeSpace()
      return { key: word === 'EMAILID' ? 'emailid' : 'threadid', id: latin1Of(cursor.takeAstring()) }
    default: return cursor.fail(`unknown search key ${word}`)
  }
}
