// System flags as bits. Keywords stand beside them as text: sorted, separated by single spaces,
// each spelled as the client that first set it on the message spelled it.

export const SEEN = 1
export const ANSWERED = 2
export const FLAGGED = 4
export const DELETED = 8
export const DRAFT = 16

export const SYSTEM_FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [SEEN, '\\Seen'], [ANSWERED, '\\Answered'], [FLAGGED, '\\Flagged'], [DELETED, '\\Deleted'], [DRAFT, '\\Draft'],
]

/** Flags of one message: bits, and keywords as a sorted text ("" for none). */
export interface Flags {
  bits: number
  keywords: string
}

/** Two keywords that differ only in the case of ASCII letters are one (RFC 9051 §2.3.2). */
export function keywordKey(keyword: string): string {
  return keyword.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

export function keywordList(keywords: string): string[] {
  return keywords === '' ? [] : keywords.split(' ')
}

export function keywordText(keywords: readonly string[]): string {
  const byKey = new Map<string, string>()
  for (const keyword of keywords) {
    const key = keywordKey(keyword)
    if (!byKey.has(key)) byKey.set(key, keyword)
  }
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, keyword]) => keyword).join(' ')
}

export type FlagChange = 'add' | 'remove' | 'replace'

/** What a message's flags become. Pure; the same in every engine. */
export function changedFlags(now: Flags, how: FlagChange, given: Flags): Flags {
  switch (how) {
    case 'replace':
      return { bits: given.bits, keywords: given.keywords }
    case 'add':
      return { bits: now.bits | given.bits, keywords: given.keywords === '' ? now.keywords : keywordText([...keywordList(now.keywords), ...keywordList(given.keywords)]) }
    case 'remove': {
      if (given.keywords === '' || now.keywords === '') return { bits: now.bits & ~given.bits, keywords: now.keywords }
      const gone = new Set(keywordList(given.keywords).map(keywordKey))
      return { bits: now.bits & ~given.bits, keywords: keywordList(now.keywords).filter((keyword) => !gone.has(keywordKey(keyword))).join(' ') }
    }
  }
}
