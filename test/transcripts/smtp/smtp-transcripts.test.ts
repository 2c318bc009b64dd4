// Plays every *.txt here against the real session, intake and store: whole (all that the client says before it
// waits goes in one piece, so that pipelining is tried everywhere), and once more one byte at a time.
//   C: line      the client sends it, with CRLF      C+ text      without; \r \n \0 \\ \xNN, and \{x*1000} for many
//   S: line      exactly this line comes             S~ pattern   a line that matches as a whole
//   S* code      all lines of one reply with that code, in any order; those before it named by `S? pattern` must be among them
//   @ connect [smtp|submission] [tls] [from ADDRESS]   a new connection (and its banner, which is not told here)
//   @ +5m        the clock moves, an idle session is told     @ hangup / @ finish / @ shutdown / @ inject
//   @ limit name value, @ fault F, @ admission F, @ plaintext loopback   before the next connect or message
//   @ gone, @ cut      the connection ends, after a goodbye or without one
//   ! inbox ADDRESS N  so many messages in that INBOX since the transcript began
//   ! last ADDRESS pattern    the newest, unfolded, matches somewhere     ! not ADDRESS pattern
//   ! outbound pattern        a work of the queue matches, since the transcript began
//   ! writes N                so many writes since the last look
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { defaultLimits, type LimitName } from '../../../src/base/limits.ts'
import { FakeSmtpClient, PASSWORD, SmtpStage, type Fault } from './smtp-stage.ts'

const folder = import.meta.dirname
let stage: SmtpStage
before(async () => {
  stage = await SmtpStage.open()
})
after(async () => {
  await stage.close()
})

interface Step { at: number; verb: string; text: string }

function parse(text: string): Step[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return []
    const match = /^(C[:+]|S[:~*?]|@|!)(?: (.*))?$/.exec(line)
    if (!match) throw new Error(`line ${index + 1} is no step: ${line}`)
    return [{ at: index + 1, verb: match[1] as string, text: match[2] ?? '' }]
  })
}

const ESCAPES: Record<string, string> = { r: '\r', n: '\n', 0: '\0', '\\': '\\' }
function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|\{(.+?)\*(\d+)\}|([rn0\\]))/g, (_, hex?: string, what?: string, count?: string, one?: string) =>
    hex ? String.fromCharCode(Number.parseInt(hex, 16)) : what ? unescaped(what).repeat(Number(count)) : ESCAPES[one ?? ''] ?? '')
}

/** Where a header line is folded is of no interest here. */
function unfolded(message = ''): string {
  return message.replace(/\r\n(?=[ \t])/g, '')
}

function filled(text: string): string {
  return text.replace(/\$\{(plain|b64):([^}]*)\}/g, (_, kind: string, what: string) => Buffer.from(kind === 'plain' ? `\0${what}\0${PASSWORD}` : unescaped(what)).toString('base64'))
    .replaceAll('${password}', PASSWORD)
}

class Player {
  readonly #name: string
  readonly #bytewise: boolean
  #client: FakeSmtpClient | undefined
  readonly #clients: FakeSmtpClient[] = []
  #unsent: Buffer[] = []
  readonly #before = new Map<string, number>()
  #writesSeen = 0
  #outboundBefore = 0

  constructor(name: string, bytewise: boolean) {
    this.#name = name
    this.#bytewise = bytewise
  }

  async play(): Promise<void> {
    Object.assign(stage, { limits: defaultLimits, plaintextLogin: 'never', fault: undefined, admission: undefined })
    stage.clock.advance(3600_000) // what the one before has left is forgotten
    const steps = parse(readFileSync(join(folder, this.#name), 'utf8'))
    for (const step of steps) if (step.verb === '!' && /^(inbox) /.test(step.text)) this.#before.set(step.text.split(' ')[1] as string, 0)
    for (const address of this.#before.keys()) this.#before.set(address, (await stage.inbox(address)).length)
    if (steps.some(({ verb, text }) => verb === '!' && text.startsWith('outbound'))) this.#outboundBefore = (await stage.outbound()).length
    const wanted: string[] = []
    for (const step of steps) {
      try {
        await this.#step(step, wanted)
      } catch (error) {
        throw new Error(`${this.#name}:${step.at}: ${step.verb} ${step.text}\n${error instanceof Error ? error.message : String(error)}`, { cause: error })
      }
    }
    this.#flush()
    for (const client of this.#clients) {
      assert.equal(client.leftOver, '', `${this.#name}: the server said more`)
      if (!client.ended && !client.destroyed) client.hangUp()
    }
    assert.deepEqual(stage.complaints.splice(0), [], this.#name)
  }

  #flush(): void {
    if (this.#unsent.length === 0) return
    const bytes = Buffer.concat(this.#unsent)
    this.#unsent = []
    this.#here().send(bytes, this.#bytewise)
  }

  #here(): FakeSmtpClient {
    assert.ok(this.#client, 'say "@ connect" first')
    return this.#client
  }

  async #step({ verb, text }: Step, wanted: string[]): Promise<void> {
    if (verb === 'C:') return void this.#unsent.push(Buffer.from(`${filled(text)}\r\n`, 'utf8'))
    if (verb === 'C+') return void this.#unsent.push(Buffer.from(unescaped(filled(text)), /\\x[89a-f]/.test(text) ? 'latin1' : 'utf8'))
    if (verb === 'S?') return void wanted.push(text)
    this.#flush()
    switch (verb) {
      case 'S:': return assert.equal(await this.#line(), text)
      case 'S~': return assert.match(await this.#line(), new RegExp(`^(?:${text})$`))
      case 'S*': {
        const lines: string[] = []
        do lines.push(await this.#line())
        while (lines.at(-1)?.[3] === '-')
        for (const line of lines) assert.ok(line.startsWith(text), line)
        for (const pattern of wanted.splice(0)) assert.ok(lines.some((line) => new RegExp(`^(?:${pattern})$`).test(line.slice(4))), `nothing like ${pattern} in\n${lines.join('\n')}`)
        return
      }
      case '@': return this.#do(text)
      case '!': return this.#check(text)
    }
  }

  async #line(): Promise<string> {
    return Buffer.from(await this.#here().line(), 'latin1').toString('utf8')
  }

  async #do(text: string): Promise<void> {
    const [what = '', ...words] = text.split(' ')
    const moved = /^\+(\d+)(ms|s|m|h)$/.exec(what)
    if (moved) {
      const ms = Number(moved[1]) * { ms: 1, s: 1000, m: 60_000, h: 3600_000 }[moved[2] as 'ms']
      stage.clock.advance(ms)
      if (this.#client && ms >= this.#client.idleMs) this.#client.conversation.onIdle()
      return
    }
    switch (what) {
      case 'connect': {
        const from = words.indexOf('from')
        this.#client = stage.connect(words.includes('submission') ? 'submission' : 'smtp', { address: from < 0 ? '192.0.2.77' : words[from + 1] as string, tls: words.includes('tls') })
        this.#clients.push(this.#client)
        this.#writesSeen = 0
        assert.match(await this.#line(), /^220 mx\.example\.org ESMTP/)
        await new Promise((resolve) => setImmediate(resolve)) // the banner's write is over
        this.#writesSeen = this.#client.writes
        return
      }
      case 'limit':
        stage.limits = { ...stage.limits, [words[0] as LimitName]: Number(words[1]) }
        return
      case 'plaintext':
        stage.plaintextLogin = 'loopback'
        return
      case 'fault':
        stage.fault = words[0] as Fault
        return
      case 'admission':
        stage.admission = words[0] === 'ok' ? undefined : words[0] as 'lag'
        return
      case 'inject':
        this.#here().injectedOctets = 20
        return
      case 'hangup': return this.#here().hangUp()
      case 'finish': return this.#here().finish()
      case 'shutdown': return this.#here().conversation.shutdown()
      case 'turn':
        // Lets promises and immediates run, so that the store has been asked.
        for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve))
        return
      case 'gone':
        await this.#here().gone()
        return assert.equal(this.#here().destroyed, false, 'it was cut without a goodbye')
      case 'cut':
        await this.#here().gone()
        return assert.equal(this.#here().destroyed, true, 'it was ended with a goodbye')
      default: assert.fail(`unknown: ${text}`)
    }
  }

  async #check(text: string): Promise<void> {
    const [what = '', address = '', ...rest] = text.split(' ')
    switch (what) {
      case 'inbox': return assert.equal((await stage.inbox(address)).length - (this.#before.get(address) ?? 0), Number(rest[0]))
      case 'last': return assert.match(unfolded((await stage.inbox(address)).at(-1)), new RegExp(rest.join(' ')))
      case 'not': return assert.doesNotMatch(unfolded((await stage.inbox(address)).at(-1)), new RegExp(rest.join(' ')))
      case 'outbound': {
        const works = (await stage.outbound()).slice(this.#outboundBefore)
        const pattern = [address, ...rest].join(' ')
        if (pattern === 'none') return assert.deepEqual(works, [])
        return assert.ok(works.some((work) => new RegExp(`^(?:${pattern})$`).test(work)), works.join('\n'))
      }
      case 'writes': {
        const { writes } = this.#here()
        // One byte at a time there are no batches.
        if (!this.#bytewise) assert.equal(writes - this.#writesSeen, Number(address))
        await new Promise((resolve) => setImmediate(resolve)) // what comes next is another batch
        this.#writesSeen = writes
        return
      }
      default: assert.fail(`unknown: ${text}`)
    }
  }
}

for (const name of readdirSync(folder).filter((file) => file.endsWith('.txt')).sort()) {
  test(`${name}, whole`, () => new Player(name, false).play())
  test(`${name}, byte by byte`, () => new Player(name, true).play())
}
