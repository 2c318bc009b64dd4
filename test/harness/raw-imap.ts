// A small IMAP client for tests: commands out, responses back as lists, with literals as bytes.
import { Gone, RawConnection } from './raw-connection.ts'
import { until } from './until.ts'

/** A response value: atom or quoted text as string, literal as bytes, list as array, NIL as null. */
export type ImapValue = string | Buffer | null | ImapValue[]

export interface ImapAnswer {
  status: 'OK' | 'NO' | 'BAD'
  /** What follows the status: "[CODE args] text". */
  text: string
  untagged: ImapValue[][]
}

export class RawImap {
  readonly connection: RawConnection
  #tag = 0
  private constructor(connection: RawConnection) {
    this.connection = connection
  }

  static async open(options: { port: number; host?: string; tls?: boolean }): Promise<RawImap> {
    const client = new RawImap(await RawConnection.open(options))
    await client.connection.line()
    return client
  }

  async login(user: string, password: string): Promise<ImapAnswer> {
    return this.command(`LOGIN "${user}" "${password}"`)
  }

  /** Sends one command; a `Uint8Array` among the parts goes as a non-synchronising literal. */
  async command(...parts: (string | Uint8Array)[]): Promise<ImapAnswer> {
    const tag = this.send(...parts)
    return this.answer(tag)
  }

  /** The items of every message of a set, in order. */
  async fetch(set: string, items: string): Promise<{ sequenceNumber: number; items: Map<string, ImapValue> }[]> {
    const answer = await this.command(`FETCH ${set} ${items}`)
    if (answer.status !== 'OK') throw new Error(`FETCH ${set} ${items}: ${answer.status} ${answer.text}`)
    return answer.untagged.flatMap((values) => fetchItems(values) ?? [])
  }

  /** A whole message as it is kept, without setting \Seen. */
  async bytesOf(sequenceNumber: number | string): Promise<Buffer> {
    const [message] = await this.fetch(String(sequenceNumber), '(BODY.PEEK[])')
    const bytes = message?.items.get('BODY[]')
    if (!Buffer.isBuffer(bytes)) throw new Error(`message ${sequenceNumber} did not come as a literal`)
    return bytes
  }

  /** Selects the mailbox and resolves once it holds so many messages. */
  async waitForMessages(count: number, mailbox = 'INBOX'): Promise<void> {
    const selected = await this.command(`SELECT "${mailbox}"`)
    if (selected.status !== 'OK') throw new Error(`SELECT ${mailbox}: ${selected.text}`)
    let exists = existsOf(selected) ?? 0
    await until(`${count} messages in ${mailbox}`, async () => {
      if (exists >= count) return true
      exists = existsOf(await this.command('NOOP')) ?? exists
      return exists >= count
    })
  }

  /** STATUS as a record of numbers. */
  async statusOf(mailbox: string, items: string): Promise<Record<string, number>> {
    const answer = await this.command(`STATUS "${mailbox}" (${items})`)
    const list = answer.untagged.find((values) => values[0] === 'STATUS')?.[2]
    if (answer.status !== 'OK' || !Array.isArray(list)) throw new Error(`STATUS ${mailbox}: ${answer.status} ${answer.text}`)
    return Object.fromEntries(list.flatMap((name, index) => (index % 2 === 0 ? [[String(name), Number(list[index + 1])]] : [])))
  }

  async logout(): Promise<void> {
    // The server's BYE ends the command before its tagged answer is read.
    await this.command('LOGOUT').catch(() => undefined)
    this.connection.destroy()
  }

  send(...parts: (string | Uint8Array)[]): string {
    this.#tag += 1
    const tag = `t${this.#tag}`
    const pieces: Uint8Array[] = [Buffer.from(`${tag} `)]
    for (const part of parts) {
      if (typeof part === 'string') pieces.push(Buffer.from(part))
      else pieces.push(Buffer.from(`{${part.length}+}\r\n`), part)
    }
    pieces.push(Buffer.from('\r\n'))
    this.connection.write(Buffer.concat(pieces))
    return tag
  }

  async answer(tag: string): Promise<ImapAnswer> {
    const untagged: ImapValue[][] = []
    for (;;) {
      const { text, values, first } = await this.response()
      if (first === tag) {
        const match = /^\S+ (OK|NO|BAD) ?(.*)$/s.exec(text)
        return { status: (match?.[1] ?? 'BAD') as ImapAnswer['status'], text: match?.[2] ?? text, untagged }
      }
      if (first === '*') {
        untagged.push(values)
        if (values[0] === 'BYE') throw new Gone(text)
      }
    }
  }

  /** One whole response line with its literals. */
  async response(): Promise<{ first: string; text: string; values: ImapValue[] }> {
    const pieces: (string | Buffer)[] = []
    for (;;) {
      const line = (await this.connection.line()).toString('latin1')
      const literal = /(?:~)?\{(\d+)\}$/.exec(line)
      if (!literal) {
        pieces.push(line)
        break
      }
      pieces.push(line.slice(0, literal.index))
      pieces.push(Buffer.from(await this.connection.octets(Number(literal[1]))))
    }
    const text = pieces.map((piece) => (typeof piece === 'string' ? piece : '{…}')).join('')
    const first = text.slice(0, text.indexOf(' ') < 0 ? undefined : text.indexOf(' '))
    // Status lines end in human text, which is not to be taken apart.
    const status = /^\* (OK|NO|BAD|BYE|PREAUTH) ?(.*)$/s.exec(text)
    if (status) return { first, text, values: [status[1] as string, status[2] as string] }
    return { first, text, values: first === '*' ? valuesOf(pieces).slice(1) : [] }
  }
}

function valuesOf(pieces: readonly (string | Buffer)[]): ImapValue[] {
  const stack: ImapValue[][] = [[]]
  const top = () => stack.at(-1) as ImapValue[]
  for (const piece of pieces) {
    if (typeof piece !== 'string') {
      top().push(piece)
      continue
    }
    let at = 0
    while (at < piece.length) {
      const letter = piece[at] as string
      if (letter === ' ') at += 1
      else if (letter === '(') {
        stack.push([])
        at += 1
      } else if (letter === ')') {
        const list = stack.pop() as ImapValue[]
        top().push(list)
        at += 1
      } else if (letter === '"') {
        let text = ''
        at += 1
        while (at < piece.length && piece[at] !== '"') {
          if (piece[at] === '\\') at += 1
          text += piece[at]
          at += 1
        }
        at += 1
        top().push(text)
      } else {
        // An atom; BODY[HEADER.FIELDS (A B)] keeps its brackets together.
        let depth = 0
        const from = at
        while (at < piece.length) {
          const next = piece[at] as string
          if (next === '[') depth += 1
          else if (next === ']') depth -= 1
          else if (depth === 0 && (next === ' ' || next === '(' || next === ')')) break
          at += 1
        }
        const atom = piece.slice(from, at)
        top().push(atom === 'NIL' ? null : atom)
      }
    }
  }
  return stack[0] as ImapValue[]
}

/** The last EXISTS of an answer. */
export function existsOf(answer: ImapAnswer): number | undefined {
  const last = answer.untagged.findLast((values) => values[1] === 'EXISTS')
  return last && Number(last[0])
}

/** The items of an untagged FETCH as a map; undefined for other responses. */
export function fetchItems(values: readonly ImapValue[]): { sequenceNumber: number; items: Map<string, ImapValue> } | undefined {
  if (values[1] !== 'FETCH' || !Array.isArray(values[2])) return undefined
  const items = new Map<string, ImapValue>()
  const list = values[2]
  for (let i = 0; i + 1 < list.length; i += 2) items.set(String(list[i]).toUpperCase(), list[i + 1] as ImapValue)
  return { sequenceNumber: Number(values[0]), items }
}
