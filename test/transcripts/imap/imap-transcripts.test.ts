// Plays every *.txt here against the real session and store: whole, and once more with the client's bytes one
// at a time.
//   C: line        the client sends it, with CRLF       C+ text        without CRLF
//   S: line        exactly this line comes              S~ pattern     a line that matches as a whole
//   S* pattern     any number of lines that match       S& pattern     with its neighbours: these lines, in any order
// `{?}` and `{?+}` stand for the size of the lines that follow, up to the empty one that ends the command.
//   @ login        greeting and LOGIN                    @ append N      N small messages into INBOX, not told here
// A digit behind C or S names the session (1 if there is none). `(?<name>…)` remembers, `${name}` is replaced.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ImapStage, PASSWORD } from './imap-stage.ts'
import type { FakeClient } from './imap-stage.ts'

const folder = import.meta.dirname
let stage: ImapStage
before(async () => {
  stage = await ImapStage.open()
})
after(async () => {
  await stage.close()
})

interface Step { at: number; verb: string; session: number; text: string }

function parse(text: string): Step[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return []
    const match = /^([CS@])(\d?)([:+~*&]?)(?: (.*))?$/.exec(line)
    if (!match) throw new Error(`line ${index + 1} is no step: ${line}`)
    return [{ at: index + 1, verb: match[1]! + match[3]!, session: Number(match[2] || 1), text: match[4] ?? '' }]
  })
}

async function play(name: string, bytewise: boolean): Promise<void> {
  const steps = parse(readFileSync(join(folder, name), 'latin1'))
  const { address } = await stage.account()
  const clients = new Map<number, FakeClient>()
  const client = (session: number): FakeClient => {
    let known = clients.get(session)
    if (!known) clients.set(session, known = stage.connect())
    return known
  }
  const values: Record<string, string> = {
    address, addresslength: String(address.length), password: PASSWORD, nul: '\0',
    nihongo: Buffer.from('日本語').toString('latin1'), nihongojis: '\x1b$BF|K\\8l\x1b(B',
  }
  const filled = (text: string) => text.replace(/\$\{(\w+)\}/g, (_, key: string) => values[key] ?? assert.fail(`nothing is known as ${key}`))
  const matches = (pattern: string, line: string): boolean => {
    const match = new RegExp(`^(?:${filled(pattern)})$`).exec(line)
    if (match?.groups) Object.assign(values, match.groups)
    return match !== null
  }
  for (const [i, step] of steps.entries()) step.text = measured(steps, i, filled)
  for (let i = 0; i < steps.length; i += 1) {
    const step = steps[i]!
    const where = `${name}:${step.at}`
    const expectLine = () => client(step.session).line().catch((error: unknown) => assert.fail(`${where}: ${String(error)}, expected ${step.text}`))
    switch (step.verb) {
      case 'C:': client(step.session).send(`${filled(step.text)}\r\n`, bytewise); break
      case 'C+': client(step.session).send(filled(step.text), bytewise); break
      case 'S:': assert.equal(await expectLine(), filled(step.text), where); break
      case 'S~': {
        const line = await expectLine()
        if (!matches(step.text, line)) assert.fail(`${where}: got ${line}\nexpected ${step.text}`)
        break
      }
      case 'S*': {
        // The line after these is known, so wait for it.
        for (;;) {
          await waitForLine(client(step.session), where)
          if (!matches(step.text, client(step.session).peek()!)) break
          await client(step.session).line()
        }
        break
      }
      case 'S&': {
        const wanted = [step.text]
        while (steps[i + 1]?.verb === 'S&' && steps[i + 1]!.session === step.session) wanted.push(steps[++i]!.text)
        while (wanted.length > 0) {
          const line = await expectLine()
          const at = wanted.findIndex((pattern) => matches(pattern, line))
          if (at < 0) assert.fail(`${where}: got ${line}\nexpected one of\n${wanted.join('\n')}`)
          wanted.splice(at, 1)
        }
        break
      }
      case '@': {
        const [what, count = '1'] = step.text.split(' ')
        if (what === 'login') {
          await client(step.session).line()
          const { answer } = await client(step.session).command('login', `LOGIN ${address} "${PASSWORD}"`)
          assert.match(answer, /^OK /)
        } else if (what === 'append') {
          const other = stage.connect()
          await other.line()
          await other.command('l', `LOGIN ${address} "${PASSWORD}"`)
          for (let n = 1; n <= Number(count); n += 1) {
            const message = `From: a@example.org\r\nSubject: message ${n}\r\n\r\nbody ${n}\r\n`
            const { answer } = await other.command('a', `APPEND INBOX {${message.length}+}\r\n${message}`)
            assert.match(answer, /^OK /)
          }
          other.session.close()
        } else assert.fail(`${where}: unknown ${step.text}`)
        break
      }
      default: assert.fail(`${where}: unknown step`)
    }
  }
  for (const [session, known] of clients) {
    assert.equal(known.leftOver, '', `${name}: session ${session} said more`)
    known.session.close()
  }
  assert.deepEqual(stage.complaints, [], name)
}

function measured(steps: readonly Step[], at: number, filled: (text: string) => string): string {
  const { text, session, verb } = steps[at]!
  if (verb !== 'C:' || !/\{\?\+?\}$/.test(text)) return text
  const lines: string[] = []
  for (const step of steps.slice(at + 1)) {
    if (step.session !== session || step.text === '+ go ahead') continue
    if (step.verb !== 'C:') break
    lines.push(filled(step.text))
  }
  const size = lines.slice(0, -1).reduce((sum, line) => sum + line.length + 2, 0)
  return text.replace('{?', `{${size}`)
}

async function waitForLine(client: FakeClient, where: string): Promise<void> {
  const line = await client.line().catch((error: unknown) => assert.fail(`${where}: ${String(error)}`))
  client.unread(line)
}

for (const name of readdirSync(folder).filter((file) => file.endsWith('.txt')).sort()) {
  test(`${name}, whole`, () => play(name, false))
  test(`${name}, byte by byte`, () => play(name, true))
}
