// Address lists of header fields (RFC 5322 §3.4) with everything obsolete that real mail still has:
// routes, comments used as names, groups, dots anywhere in a local part (Japanese carriers gave out
// "a..b.@…"), names that are not quoted. It takes any octets, in linear time, and never refuses: what
// is no address comes out with an empty local part or domain.
//
// Values are byte strings, encoded words left as they are; `displayName` in encoded-word.ts reads them.
import { isAsciiText, trimSpace, type ByteString } from './byte-string.ts'

export interface Mailbox {
  kind: 'mailbox'
  /** Display name, quotes and escapes removed; or the last comment, where there is no name. */
  name: ByteString | undefined
  /** Obsolete source route such as `@a,@b`. */
  route: ByteString | undefined
  /** Quotes removed. Empty when missing. */
  local: ByteString
  /** Empty when missing. A domain literal keeps its brackets. */
  domain: ByteString
}

/** Groups are marked where they begin and end, as IMAP's ENVELOPE does. */
export type AddressListItem = Mailbox | { kind: 'group-start'; name: ByteString } | { kind: 'group-end' }

/** Items of one list; the rest of a longer one is not read. */
const ITEMS_MAX = 10_000

/** Reads an unfolded field value. */
export function parseAddressList(value: ByteString): AddressListItem[] {
  return new AddressListReader(value).read()
}

/** Only the mailboxes, members of groups included. */
export function mailboxesOf(items: readonly AddressListItem[]): Mailbox[] {
  return items.filter((item) => item.kind === 'mailbox')
}

const ATOM_ONLY = /^[^\s()<>[\]:;@\\,"\x00-\x20\x7f]+$/

/** `local@domain`, quoted where the local part needs it; without a domain the local part alone. */
export function printAddrSpec(mailbox: { local: ByteString; domain: ByteString }): ByteString {
  const local = ATOM_ONLY.test(mailbox.local) ? mailbox.local : `"${mailbox.local.replace(/["\\]/g, '\\$&')}"`
  if (mailbox.domain === '') return mailbox.local === '' ? '' : local
  return `${local}@${mailbox.domain}`
}

/** The same as text for people and comparisons: octets above 127 are read as UTF-8 (RFC 6532). */
export function addrSpecText(mailbox: { local: ByteString; domain: ByteString }): string {
  const spec = printAddrSpec(mailbox)
  return isAsciiText(spec) ? spec : Buffer.from(spec, 'latin1').toString('utf8')
}

const TAB = 9, SPACE = 32, QUOTE = 34, OPEN = 40, CLOSE = 41, COMMA = 44, COLON = 58, SEMICOLON = 59, LESS = 60, GREATER = 62
const AT = 64, BRACKET = 91, BACKSLASH = 92, BRACKET_END = 93

function isSpace(code: number): boolean {
  return code === SPACE || code === TAB || code === 10 || code === 13
}

function endsAtom(code: number): boolean {
  return code === SPACE || code === COMMA || code === LESS || code === GREATER || code === AT || code === QUOTE || code === OPEN
    || code === COLON || code === SEMICOLON || code === TAB || code === 10 || code === 13 || code === CLOSE
}

class AddressListReader {
  readonly #text: ByteString
  readonly #items: AddressListItem[] = []
  #at = 0
  #inGroup = false
  // What the item at hand consists of so far:
  #start = 0
  #words: ByteString[] = []
  /** A word touches the one before it: no space in between. */
  #touches: boolean[] = []
  #comment: ByteString | undefined
  #local: ByteString | undefined
  #nameBefore: ByteString | undefined
  #domain = ''

  constructor(text: ByteString) {
    this.#text = text
  }

  read(): AddressListItem[] {
    const text = this.#text
    let spaceBefore = true
    while (this.#at < text.length && this.#items.length < ITEMS_MAX) {
      const code = text.charCodeAt(this.#at)
      if (isSpace(code)) {
        this.#at++
        spaceBefore = true
        continue
      }
      if (code === OPEN) {
        this.#comment = this.#readComment()
        spaceBefore = true
        continue
      }
      if (code === COMMA) {
        this.#at++
        this.#finish()
      } else if (code === SEMICOLON) {
        this.#at++
        this.#finish()
        if (this.#inGroup) this.#endGroup()
      } else if (code === LESS) this.#readAngle()
      else if (code === COLON && !this.#inGroup && this.#local === undefined && this.#words.length > 0) {
        this.#at++
        this.#items.push({ kind: 'group-start', name: this.#phrase() })
        this.#inGroup = true
        this.#clear()
      } else if (code === AT) this.#readDomain()
      else if (code === QUOTE) this.#word(this.#readQuoted(), spaceBefore)
      else if (code === GREATER || code === CLOSE || code === COLON) this.#at++ // astray
      else this.#word(this.#readAtom(), spaceBefore)
      spaceBefore = false
    }
    this.#finish()
    if (this.#inGroup) this.#endGroup()
    return this.#items
  }

  #clear(): void {
    this.#start = this.#at
    this.#words = []
    this.#touches = []
    this.#comment = undefined
    this.#local = undefined
    this.#nameBefore = undefined
    this.#domain = ''
  }

  #endGroup(): void {
    this.#items.push({ kind: 'group-end' })
    this.#inGroup = false
  }

  #word(word: ByteString, spaceBefore: boolean): void {
    if (this.#local !== undefined) return // something behind `user@domain`; it names nobody
    this.#words.push(word)
    this.#touches.push(!spaceBefore)
  }

  #phrase(): ByteString {
    if (this.#words.length === 1) return this.#words[0]!
    let phrase = ''
    for (let i = 0; i < this.#words.length; i++) phrase += (i === 0 || this.#touches[i] ? '' : ' ') + this.#words[i]!
    return phrase
  }

  /** The end of an item that had no angle brackets. */
  #finish(): void {
    if (this.#local !== undefined) {
      const name = this.#nameBefore ?? this.#comment
      this.#items.push({ kind: 'mailbox', name: name || undefined, route: undefined, local: this.#local, domain: this.#domain })
    } else if (this.#words.length > 0) {
      const phrase = this.#phrase()
      const one = this.#words.length === 1 || !phrase.includes(' ')
      this.#items.push({ kind: 'mailbox', name: one ? this.#comment || undefined : phrase, route: undefined, local: one ? phrase : '', domain: '' })
    }
    this.#clear()
  }

  /** At an `@` outside angle brackets: the last word, with the dots and words that touch it, is the local part. */
  #readDomain(): void {
    const words = this.#words
    if (this.#local === undefined) {
      let first = Math.max(words.length - 1, 0)
      while (first > 0 && (this.#touches[first] || words[first]!.startsWith('.') || words[first - 1]!.endsWith('.'))) first--
      this.#local = words.slice(first).join('')
      this.#words = words.slice(0, first)
      this.#nameBefore = first > 0 ? this.#phrase() : undefined
    }
    this.#at++
    const domain = this.#readDomainText()
    if (this.#domain === '') this.#domain = domain
  }

  #readDomainText(): ByteString {
    const text = this.#text
    let domain = ''
    while (this.#at < text.length) {
      const code = text.charCodeAt(this.#at)
      if (isSpace(code)) {
        this.#at++
        // Obsolete: white space may stand around the dots only.
        if (domain !== '' && !domain.endsWith('.') && text.charCodeAt(this.#skipSpace()) !== 46) return domain
      } else if (code === OPEN) {
        this.#comment = this.#readComment()
        if (domain !== '' && !domain.endsWith('.') && text.charCodeAt(this.#skipSpace()) !== 46) return domain
      } else if (code === BRACKET && domain === '') return this.#readDomainLiteral()
      else if (endsAtom(code)) return domain
      else domain += this.#readAtom()
    }
    return domain
  }

  #skipSpace(): number {
    while (this.#at < this.#text.length && isSpace(this.#text.charCodeAt(this.#at))) this.#at++
    return this.#at
  }

  #readDomainLiteral(): ByteString {
    const start = this.#at
    while (this.#at < this.#text.length) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === COMMA || code === GREATER) break
      this.#at++
      if (code === BRACKET_END) break
    }
    return this.#text.slice(start, this.#at)
  }

  /** `<…>`: an address with an optional route. What stood before it is the name. */
  #readAngle(): void {
    const text = this.#text
    const name = this.#local === undefined ? this.#phrase() : trimSpace(text.slice(this.#start, this.#at))
    while (text.charCodeAt(this.#at) === LESS) this.#at++
    let route: ByteString | undefined
    let local = ''
    let whole = '' // everything since the last @
    let sawAt = false
    let literalAllowed = false
    while (this.#at < text.length) {
      const code = text.charCodeAt(this.#at)
      if (code === GREATER) {
        this.#at++
        break
      }
      if (code === LESS) break
      if (isSpace(code)) this.#at++
      else if (code === OPEN) this.#readComment()
      else if (code === QUOTE) whole += this.#readQuoted()
      else if (code === AT) {
        this.#at++
        if (!sawAt && whole === '' && route === undefined) {
          const routeText = this.#readRoute()
          if (routeText !== undefined) {
            route = routeText
            continue
          }
        }
        local = sawAt ? `${local}@${whole}` : whole
        whole = ''
        sawAt = true
        literalAllowed = true
        continue
      } else if (code === BRACKET && literalAllowed) whole += this.#readDomainLiteral()
      else if (code === COMMA || code === SEMICOLON) break // the bracket is never closed
      else if (code === COLON || code === CLOSE) this.#at++
      else whole += this.#readAtom()
      literalAllowed = false
    }
    this.#items.push({
      kind: 'mailbox', name: name || this.#comment || undefined, route,
      local: sawAt ? local : whole, domain: sawAt ? whole : '',
    })
    this.#skipToSeparator()
    this.#clear()
  }

  /** Behind `<@`: the route up to its colon, if there is one before the bracket closes. */
  #readRoute(): ByteString | undefined {
    const rest = this.#text.indexOf('>', this.#at)
    const colon = this.#text.indexOf(':', this.#at)
    if (colon < 0 || (rest >= 0 && colon > rest)) return undefined
    const route = this.#text.slice(this.#at, colon).replace(/[ \t\r\n]+/g, '')
    this.#at = colon + 1
    return `@${route}`
  }

  /** Comments behind an address may hold commas; other words there mean nothing. */
  #skipToSeparator(): void {
    while (this.#at < this.#text.length) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === OPEN) this.#readComment()
      else if (code === COMMA) {
        this.#at++
        return
      } else if (code === SEMICOLON || code === LESS || code === QUOTE) return
      else if (isSpace(code) || code === GREATER) this.#at++
      else return // a word: two addresses without a comma between them
    }
  }

  #readAtom(): ByteString {
    const text = this.#text
    const start = this.#at++
    while (this.#at < text.length && !endsAtom(text.charCodeAt(this.#at))) this.#at++
    return text.slice(start, this.#at)
  }

  #readQuoted(): ByteString {
    const text = this.#text
    const start = ++this.#at
    let escaped = false
    while (this.#at < text.length) {
      const code = text.charCodeAt(this.#at)
      if (code === BACKSLASH) {
        escaped = true
        this.#at += 2
        continue
      }
      if (code === QUOTE) break
      this.#at++
    }
    const end = Math.min(this.#at, text.length)
    this.#at = Math.min(end + 1, text.length)
    const inside = text.slice(start, end)
    return escaped ? inside.replace(/\\([^])/g, '$1') : inside
  }

  #readComment(): ByteString {
    const text = this.#text
    const start = this.#at + 1
    let depth = 0
    let escaped = false
    while (this.#at < text.length) {
      const code = text.charCodeAt(this.#at++)
      if (code === BACKSLASH) {
        escaped = true
        this.#at++
      } else if (code === OPEN) depth++
      else if (code === CLOSE && --depth === 0) break
    }
    this.#at = Math.min(this.#at, text.length)
    const closed = depth === 0
    const inside = trimSpace(text.slice(start, closed ? this.#at - 1 : this.#at))
    return escaped ? inside.replace(/\\([^])/g, '$1') : inside
  }
}
