// For tests: reads ENVELOPE and BODYSTRUCTURE as RFC 9051 §9 and RFC 3501 §9 define them, and throws at the first
// octet outside the grammar. Written from the grammar, not from what prints them.
import { latin1Of } from '../../base/bytes.ts'

export type Nstring = string | null
export type ReadParameters = Record<string, string>

export interface ReadAddress { name: Nstring; route: Nstring; mailbox: Nstring; host: Nstring }

export interface ReadEnvelope {
  date: Nstring; subject: Nstring; from: ReadAddress[] | null; sender: ReadAddress[] | null; replyTo: ReadAddress[] | null
  to: ReadAddress[] | null; cc: ReadAddress[] | null; bcc: ReadAddress[] | null; inReplyTo: Nstring; messageId: Nstring
}

export interface ReadBody {
  type: string; subtype: string; parameters: ReadParameters | null; octets?: number; lines?: number; encoding?: string
  id?: Nstring; description?: Nstring; md5?: Nstring; disposition?: { value: string; parameters: ReadParameters | null } | null
  language?: string[] | null; location?: Nstring; envelope?: ReadEnvelope; children: ReadBody[]
}

export function readEnvelope(bytes: Uint8Array): ReadEnvelope {
  const reader = new Reader(latin1Of(bytes))
  const envelope = reader.envelope()
  reader.end()
  return envelope
}

export function readBody(bytes: Uint8Array, extended: boolean): ReadBody {
  const reader = new Reader(latin1Of(bytes))
  const body = reader.body(extended)
  reader.end()
  return body
}

class Reader {
  #text: string
  #at = 0
  constructor(text: string) {
    this.#text = text
  }

  fail(expected: string): never {
    throw new Error(`expected ${expected} at ${this.#at}: ${JSON.stringify(this.#text.slice(Math.max(0, this.#at - 40), this.#at + 40))}`)
  }
  end(): void {
    if (this.#at !== this.#text.length) this.fail('the end')
  }
  take(literal: string): void {
    if (!this.#text.startsWith(literal, this.#at)) this.fail(JSON.stringify(literal))
    this.#at += literal.length
  }
  peek(literal: string): boolean {
    return this.#text.startsWith(literal, this.#at)
  }
  string(): string {
    if (this.peek('{')) {
      const head = /^\{(0|[1-9]\d*)\}\r\n/.exec(this.#text.slice(this.#at, this.#at + 20)) ?? this.fail('a literal')
      const start = this.#at + head[0].length
      const value = this.#text.slice(start, start + Number(head[1]))
      if (value.length !== Number(head[1])) this.fail('all of the literal')
      if (value.includes('\0')) this.fail('CHAR8 (no NUL)')
      this.#at = start + value.length
      return value
    }
    this.take('"')
    let value = ''
    for (;;) {
      const octet = this.#text[this.#at++]
      if (octet === undefined) this.fail('a closing quote')
      if (octet === '"') return value
      if (octet === '\\') {
        const escaped = this.#text[this.#at++]
        if (escaped !== '"' && escaped !== '\\') this.fail('quoted-specials')
        value += escaped
      } else {
        if (/[\r\n\0\x80-\xff]/.test(octet)) this.fail('QUOTED-CHAR')
        value += octet
      }
    }
  }
  nstring(): Nstring {
    if (!this.peek('NIL')) return this.string()
    this.take('NIL')
    return null
  }
  number(): number {
    const digits = /^\d{1,10}/.exec(this.#text.slice(this.#at, this.#at + 12)) ?? this.fail('a number')
    this.#at += digits[0].length
    return Number(digits[0])
  }
  addresses(): ReadAddress[] | null {
    if (this.peek('NIL')) {
      this.take('NIL')
      return null
    }
    this.take('(')
    const list: ReadAddress[] = []
    do {
      this.take('(')
      const name = this.nstring()
      this.take(' ')
      const route = this.nstring()
      this.take(' ')
      const mailbox = this.nstring()
      this.take(' ')
      const host = this.nstring()
      this.take(')')
      list.push({ name, route, mailbox, host })
    } while (this.peek('('))
    this.take(')')
    // Groups begin and end in turn.
    let inGroup = false
    for (const { mailbox, host } of list) {
      if (host !== null) continue
      if (inGroup === (mailbox !== null)) this.fail('groups in order')
      inGroup = mailbox !== null
    }
    if (inGroup) this.fail('the end of a group')
    return list
  }
  envelope(): ReadEnvelope {
    this.take('(')
    const date = this.nstring()
    this.take(' ')
    const subject = this.nstring()
    const lists = Array.from({ length: 6 }, () => {
      this.take(' ')
      return this.addresses()
    })
    this.take(' ')
    const inReplyTo = this.nstring()
    this.take(' ')
    const messageId = this.nstring()
    this.take(')')
    const [from, sender, replyTo, to, cc, bcc] = lists
    return { date, subject, from: from!, sender: sender!, replyTo: replyTo!, to: to!, cc: cc!, bcc: bcc!, inReplyTo, messageId }
  }
  parameters(): ReadParameters | null {
    if (this.peek('NIL')) {
      this.take('NIL')
      return null
    }
    const parameters: ReadParameters = Object.create(null) as ReadParameters
    this.take('(')
    for (;;) {
      const name = this.string()
      this.take(' ')
      parameters[name] = this.string()
      if (this.peek(')')) break
      this.take(' ')
    }
    this.take(')')
    return parameters
  }
  extension(body: ReadBody): void {
    this.take(' ')
    if (this.peek('NIL')) {
      this.take('NIL')
      body.disposition = null
    } else {
      this.take('(')
      const value = this.string()
      this.take(' ')
      body.disposition = { value, parameters: this.parameters() }
      this.take(')')
    }
    this.take(' ')
    if (this.peek('(')) {
      this.take('(')
      body.language = [this.string()]
      while (!this.peek(')')) {
        this.take(' ')
        body.language.push(this.string())
      }
      this.take(')')
    } else {
      const one = this.nstring()
      body.language = one === null ? null : [one]
    }
    this.take(' ')
    body.location = this.nstring()
  }
  body(extended: boolean): ReadBody {
    this.take('(')
    let body: ReadBody
    if (this.peek('(')) {
      const children: ReadBody[] = []
      while (this.peek('(')) children.push(this.body(extended))
      this.take(' ')
      body = { type: 'multipart', subtype: this.string().toLowerCase(), parameters: null, children }
      if (extended) {
        this.take(' ')
        body.parameters = this.parameters()
        this.extension(body)
      }
    } else {
      const type = this.string().toLowerCase()
      this.take(' ')
      const subtype = this.string().toLowerCase()
      if (type === 'multipart') this.fail('a part that is no multipart')
      this.take(' ')
      body = { type, subtype, parameters: this.parameters(), children: [] }
      this.take(' ')
      body.id = this.nstring()
      this.take(' ')
      body.description = this.nstring()
      this.take(' ')
      body.encoding = this.string()
      this.take(' ')
      body.octets = this.number()
      if (type === 'message' && subtype === 'rfc822') {
        this.take(' ')
        body.envelope = this.envelope()
        this.take(' ')
        body.children = [this.body(extended)]
        this.take(' ')
        body.lines = this.number()
      } else if (type === 'text') {
        this.take(' ')
        body.lines = this.number()
      }
      if (extended) {
        this.take(' ')
        body.md5 = this.nstring()
        this.extension(body)
      }
    }
    this.take(')')
    return body
  }
}
