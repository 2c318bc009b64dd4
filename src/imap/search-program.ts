// A search as it is carried out: sets resolved, strings decoded and folded, and for each message an answer that
// may still be open until more of the message is known. Pure.
import { canonicalCharset, decodeText } from '../message/charset.ts'
import { foldForSearch } from '../message/search-fold.ts'
import { ANSWERED, DELETED, DRAFT, FLAGGED, SEEN, keywordKey, keywordList } from '../store/store.ts'
import type { SearchKey } from '../wire/imap/parse-search.ts'
import { dayNumber } from '../wire/imap/dates.ts'
import { rangesHold } from '../wire/imap/sequence-set.ts'
import type { Ranges } from '../wire/imap/sequence-set.ts'
import { sequencesOf } from './message-set.ts'
import type { SequenceTracker } from './sequence-tracker.ts'

/** What is known of a message so far. Each step knows all of the one before. */
export interface Candidate {
  readonly sequence: number
  readonly uid: number
  readonly bits: number
  /** Index of the keyword text in the view. */
  readonly keywords: number
  readonly modseq: number
  readonly recent: boolean
  row?: { readonly internalDateMs: number; readonly sizeOctets: number; readonly message: number; readonly thread: number; readonly sentDay: number | null | undefined }
  header?: { values(field: string): readonly string[]; whole(): string; readonly sentDay: number | null }
  /** Which of the program's body strings were found. */
  body?: ReadonlySet<string>
}

/** undefined: more must be known. */
export type Test = (candidate: Candidate) => boolean | undefined

export interface Program {
  readonly test: Test
  /** Folded strings to be looked for in bodies. */
  readonly bodyStrings: ReadonlySet<string>
  readonly usesModseq: boolean
}

export type Compiled = { readonly ok: true; readonly program: Program } | { readonly ok: false; readonly because: 'charset' | 'set' | 'too-large' }

/** Each is looked for in every window of every body. */
const BODY_STRINGS_MAX = 50

interface Context {
  readonly tracker: SequenceTracker
  readonly charset: string | undefined
  readonly nowMs: number
  readonly bodyStrings: Set<string>
  usesModseq: boolean
}

/** @param nowMs wall time, for YOUNGER and OLDER */
export function compileSearch(key: SearchKey, charset: string | undefined, tracker: SequenceTracker, nowMs: number): Compiled {
  if (charset !== undefined && !isKnownCharset(charset)) return { ok: false, because: 'charset' }
  const context: Context = { tracker, charset, nowMs, bodyStrings: new Set(), usesModseq: false }
  const test = compile(key, context)
  if (!test) return { ok: false, because: 'set' }
  if (context.bodyStrings.size > BODY_STRINGS_MAX) return { ok: false, because: 'too-large' }
  return { ok: true, program: { test, bodyStrings: context.bodyStrings, usesModseq: context.usesModseq } }
}

function isKnownCharset(label: string): boolean {
  const name = canonicalCharset(label)
  if (name === 'us-ascii' || name === 'iso-2022-jp') return true
  try {
    return new TextDecoder(name).encoding !== ''
  } catch {
    return false
  }
}

const BITS: Record<string, number> = { '\\Answered': ANSWERED, '\\Deleted': DELETED, '\\Draft': DRAFT, '\\Flagged': FLAGGED, '\\Seen': SEEN }

/** undefined: a set that cannot be understood. */
function compile(key: SearchKey, context: Context): Test | undefined {
  switch (key.key) {
    case 'all': return () => true
    case 'and': {
      const tests: Test[] = []
      for (const part of key.of) {
        const test = compile(part, context)
        if (!test) return undefined
        tests.push(test)
      }
      return (candidate) => every(tests, candidate)
    }
    case 'or': {
      const left = compile(key.left, context)
      const right = compile(key.right, context)
      if (!left || !right) return undefined
      return (candidate) => {
        const first = left(candidate)
        if (first === true) return true
        const second = right(candidate)
        if (second === true) return true
        return first === undefined || second === undefined ? undefined : false
      }
    }
    case 'not': {
      const test = compile(key.of, context)
      return test && ((candidate) => {
        const answer = test(candidate)
        return answer === undefined ? undefined : !answer
      })
    }
    case 'sequence':
    case 'uid': {
      const ranges = setOf(key, context)
      return ranges && ((candidate) => rangesHold(ranges, candidate.sequence))
    }
    case 'flag': return flagTest(key.flag, context)
    case 'modseq':
      context.usesModseq = true
      return (candidate) => candidate.modseq >= key.since
    case 'received': return (candidate) => candidate.row && compareDays(dayNumber(candidate.row.internalDateMs), key.when, key.day)
    case 'sent': return (candidate) => {
      const day = candidate.header ? candidate.header.sentDay : candidate.row?.sentDay
      return day === undefined ? undefined : day === null ? false : compareDays(day, key.when, key.day)
    }
    case 'younger': return (candidate) => candidate.row && candidate.row.internalDateMs >= context.nowMs - key.seconds * 1000
    case 'older': return (candidate) => candidate.row && candidate.row.internalDateMs < context.nowMs - key.seconds * 1000
    case 'larger': return (candidate) => candidate.row && candidate.row.sizeOctets > key.octets
    case 'smaller': return (candidate) => candidate.row && candidate.row.sizeOctets < key.octets
    case 'emailid': return (candidate) => candidate.row && `M${candidate.row.message}` === key.id
    case 'threadid': return (candidate) => candidate.row && `T${candidate.row.thread}` === key.id
    case 'header': {
      const wanted = textOf(key.text, context)
      return (candidate) => candidate.header && candidate.header.values(key.field).some((value) => value.includes(wanted))
    }
    case 'body':
    case 'text': {
      const wanted = textOf(key.text, context)
      if (wanted === '') return () => true
      context.bodyStrings.add(wanted)
      return (candidate) => {
        if (key.key === 'text' && candidate.header?.whole().includes(wanted)) return true
        return candidate.body && candidate.body.has(wanted)
      }
    }
  }
}

function every(tests: readonly Test[], candidate: Candidate): boolean | undefined {
  let open = false
  for (const test of tests) {
    const answer = test(candidate)
    if (answer === false) return false
    if (answer === undefined) open = true
  }
  return open ? undefined : true
}

/** In a search, a number beyond the last message is nobody's and not an error: clients search `1:100` without looking. */
function setOf(key: Extract<SearchKey, { key: 'sequence' | 'uid' }>, { tracker }: Context): Ranges | undefined {
  if (key.set.saved) return sequencesOf(tracker, key.set, true)
  if (key.key === 'uid') return sequencesOf(tracker, key.set, true)
  const { exists } = tracker
  if (exists === 0) return []
  const pairs = key.set.pairs
  const within: number[] = []
  for (let i = 0; i < pairs.length; i += 2) {
    const first = pairs[i] || exists
    const second = pairs[i + 1] || exists
    const low = Math.min(first, second)
    if (low <= exists) within.push(low, Math.min(exists, Math.max(first, second)))
  }
  return sequencesOf(tracker, { saved: false, pairs: within }, false)
}

function flagTest(flag: string, { tracker }: Context): Test {
  if (flag === '\\Recent') return (candidate) => candidate.recent
  const bit = BITS[flag]
  if (bit !== undefined) return (candidate) => (candidate.bits & bit) !== 0
  const wanted = keywordKey(flag)
  const known = new Map<number, boolean>()
  return ({ keywords }) => {
    let has = known.get(keywords)
    if (has === undefined) {
      has = keywordList(tracker.view.keywordText(keywords)).some((keyword) => keywordKey(keyword) === wanted)
      known.set(keywords, has)
    }
    return has
  }
}

function compareDays(day: number, when: 'before' | 'on' | 'since', wanted: number): boolean {
  return when === 'before' ? day < wanted : when === 'on' ? day === wanted : day >= wanted
}

function textOf(bytes: Uint8Array, { charset }: Context): string {
  return foldForSearch(decodeText(bytes, charset))
}
