// Dovecot's ImapTest scripts, read from the shared suites when they are there. A script is a head, an empty line,
// then `[session] ok|no|bad command` and the untagged lines expected behind it. Scripts that need an extension
// that is not offered are passed over.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ImapStage, PASSWORD } from './imap-stage.ts'
import type { FakeClient } from './imap-stage.ts'

const folder = resolve(process.env['DARUMA_SUITES'] ?? join(import.meta.dirname, '../../../../shared/suites'), 'imaptest')
const there = existsSync(folder)

/** Where we mean to differ, and what the script then finds. */
const EXPLAINED: Record<string, { why: string; found: RegExp }> = {
  'append-binary': { why: 'BODY[] gives the bytes as they were received, NUL included', found: /not expected ! 1 fetch \(body\[1\]/ },
}

type Value = string | null | Value[]

interface Step { session: number; status: string; command: string; untagged: { positive: boolean; value: Value[]; text: string }[]; code: Value[] | undefined; at: number }

let stage: ImapStage
before(async () => {
  stage = await ImapStage.open()
})
after(async () => {
  await stage.close()
})

/** A response line as values: atoms and strings in lower case, lists as arrays, NIL as null, [codes] as lists. */
function values(text: string): Value[] {
  let at = 0
  const read = (close: string): Value[] => {
    const list: Value[] = []
    for (;;) {
      while (text[at] === ' ') at += 1
      if (at >= text.length) return list
      const letter = text[at]!
      if (letter === close) {
        at += 1
        return list
      }
      if (letter === '(' || (letter === '[' && close !== ')')) {
        at += 1
        list.push(read(letter === '(' ? ')' : ']'))
      } else if (letter === '"') {
        let word = ''
        for (at += 1; at < text.length && text[at] !== '"'; at += 1) {
          if (text[at] === '\\') at += 1
          word += text[at]
        }
        at += 1
        list.push(word)
      } else if (/^~?\{\d+\}\r\n/.test(text.slice(at, at + 20))) {
        const end = text.indexOf('}', at)
        const size = Number(text.slice(text.indexOf('{', at) + 1, end))
        list.push(text.slice(end + 3, end + 3 + size))
        at = end + 3 + size
      } else {
        const from = at
        let depth = 0
        while (at < text.length && !(depth === 0 && ' ()'.includes(text[at]!)) && !(text[at] === ']' && depth === 0 && close === ']')) {
          if (text[at] === '[') depth += 1
          if (text[at] === ']') depth -= 1
          at += 1
        }
        const word = text.slice(from, at)
        list.push(word.toLowerCase() === 'nil' ? null : word)
      }
    }
  }
  return read('')
}

function parse(text: string): { head: Map<string, string>; steps: Step[] } {
  const head = new Map<string, string>()
  const lines = text.split('\n')
  let at = 0
  for (; at < lines.length && lines[at]!.trim() !== ''; at += 1) {
    const [name, value = ''] = lines[at]!.split(':', 2)
    if (!name!.startsWith('#')) head.set(name!.trim(), value.trim())
  }
  const many = Number(head.get('connections') ?? 1) > 1
  const steps: Step[] = []
  while (at < lines.length) {
    let line = lines[at]!
    at += 1
    if (line.trim() === '' || line.startsWith('#')) continue
    // {{{ … }}} is a literal on lines of its own, with CRLF; ~{{{ … }}} one with the line ends that are there. What
    // follows "}}}" goes on with the line.
    while (line.endsWith('{{{')) {
      const end = line.endsWith('~{{{') || /^[*!] /.test(line) ? '\n' : '\r\n'
      const body: string[] = []
      while (!lines[at]!.startsWith('}}}')) {
        body.push(`${end === '\n' ? lines[at]! : lines[at]!.replace(/\r$/, '')}${end}`)
        at += 1
      }
      const text = body.join('').slice(0, -end.length)
      line = `${line.slice(0, -3)}{${text.length}}\r\n${text}${lines[at++]!.slice(3)}`
    }
    if (line.startsWith('? ')) continue // may come or not
    if (/^[*!] /.test(line)) {
      steps.at(-1)!.untagged.push({ positive: line[0] === '*', value: values(line.slice(2)), text: line })
      continue
    }
    const last = steps.at(-1)
    const answer = (many ? /^(\d) (ok|no|bad)\b ?(.*)$/i : /^()(ok|no|bad)\b ?(.*)$/i).exec(line)
    if (last && last.status === '' && answer && Number(answer[1] || 1) === last.session) {
      last.status = answer[2]!.toLowerCase()
      last.code = values(answer[3]!)
      continue
    }
    const step = many ? /^(\d) (ok|no|bad|"") ([\s\S]*)$/i.exec(line) : /^()(ok|no|bad|"") ([\s\S]*)$/i.exec(line)
    const open = many ? /^(\d) ([\s\S]*)$/.exec(line) : undefined
    if (step) steps.push({ session: Number(step[1] || 1), status: step[2] === '""' ? 'any' : step[2]!.toLowerCase(), command: step[3]!, untagged: [], code: undefined, at })
    else if (open) steps.push({ session: Number(open[1]), status: '', command: open[2]!, untagged: [], code: undefined, at })
    else steps.push({ session: 1, status: '', command: line, untagged: [], code: undefined, at })
  }
  return { head, steps }
}

class Script {
  readonly vars = new Map<string, string>()
  readonly #unordered = new Set(['flags'])

  filled(text: string): string {
    return text.replace(/\$(?:\$(\w+)|\{(\w+)\}|(\w+))/g, (_, keyword?: string, braced?: string, plain?: string) => {
      if (keyword !== undefined) return keyword
      const key = (braced ?? plain)!
      return this.vars.get(key) ?? assert.fail(`nothing is known as ${key}`)
    })
  }

  /** Does what came match what is expected? Expected may be a beginning of a line, or of a list that says so. */
  match(expected: Value[], got: Value[], vars: Map<string, string>, prefix: boolean, base = 0): boolean {
    let wanted = [...expected]
    let mode = ''
    while (typeof wanted[0] === 'string' && wanted[0].startsWith('$!')) {
      const [name, value = ''] = wanted[0].slice(2).toLowerCase().split('=')
      if (name === 'ban' && got.some((item) => typeof item === 'string' && item.toLowerCase() === value)) return false
      if (name !== 'ban') mode = wanted[0].slice(2)
      wanted = wanted.slice(1)
    }
    const eq = mode.startsWith('ignore=')
    if (mode === 'unordered' || eq) {
      if (!eq && wanted.length === 0) return true
      const rest = [...got]
      for (const item of wanted) {
        const at = rest.findIndex((other) => this.#one(item, other, vars, base))
        if (at < 0) return false
        rest.splice(at, 1)
      }
      return true
    }
    if (mode === 'extra') {
      return wanted.every((item) => got.some((other) => this.#one(item, other, vars, base)))
    }
    if (!prefix && wanted.length !== got.length) return false
    if (wanted.length > got.length) return false
    return wanted.every((item, at) => {
      // Lists of flags have no order.
      const previous = wanted[at - 1]
      if (Array.isArray(item) && typeof previous === 'string' && this.#unordered.has(previous.toLowerCase()) && Array.isArray(got[at])) return this.#flags(item, got[at] as Value[], vars)
      if (Array.isArray(item) && Array.isArray(got[at]) && typeof previous === 'string' && /^(list|lsub)$/i.test(previous)) return item.some((flag) => String(flag).startsWith('$!')) ? this.#one(item, got[at]!, vars, base) : item.every((flag) => (got[at] as Value[]).some((other) => this.#one(flag, other, vars, base)))
      if (Array.isArray(item) && Array.isArray(got[at]) && (typeof previous === 'string' && previous.toLowerCase() === 'fetch')) return this.#pairs(item, got[at] as Value[], vars)
      return this.#one(item, got[at]!, vars, base)
    })
  }

  #flags(wanted: Value[], got: Value[], vars: Map<string, string>): boolean {
    const rest = got.filter((flag) => typeof flag !== 'string' || flag.toLowerCase() !== '\\recent')
    const items = wanted.filter((flag) => typeof flag !== 'string' || (flag.toLowerCase() !== '\\recent' && !flag.startsWith('$!')))
    if (rest.length !== items.length) return false
    return items.every((item) => {
      const at = rest.findIndex((other) => this.#one(item, other, vars, 0))
      if (at >= 0) rest.splice(at, 1)
      return at >= 0
    })
  }

  /** Items of a FETCH by name, in any order; others may be there. */
  #pairs(wanted: Value[], got: Value[], vars: Map<string, string>): boolean {
    const items = new Map<string, Value>()
    for (let i = 0; i + 1 < got.length; i += 2) items.set(String(got[i]).toLowerCase(), got[i + 1]!)
    for (let i = 0; i + 1 < wanted.length; i += 2) {
      const name = String(wanted[i]).toLowerCase()
      const value = items.get(name)
      if (value === undefined) return false
      if (name === 'flags') {
        if (!this.#flags(wanted[i + 1] as Value[], value as Value[], vars)) return false
      } else if (!this.#one(wanted[i + 1]!, value, vars, 0)) return false
    }
    return true
  }

  #one(expected: Value, got: Value, vars: Map<string, string>, base: number): boolean {
    if (expected === null || got === null) return expected === got
    if (Array.isArray(expected)) return Array.isArray(got) && this.match(expected, got, vars, false, base)
    if (Array.isArray(got)) return expected === '$'
    if (expected === '$') return true
    if (/^\$\d+$/.test(expected)) return /^\d+$/.test(got)
    const variable = /^\$\{?([A-Za-z_]\w*)\}?$/.exec(expected)
    if (variable && !expected.startsWith('$$')) {
      const known = vars.get(variable[1]!)
      if (known !== undefined) return known.toLowerCase() === got.toLowerCase()
      vars.set(variable[1]!, got)
      return true
    }
    const text = expected.replace(/\$\$(\w+)/g, '$1').replace(/\$\{(\w+)\}/g, (_, key: string) => vars.get(key) ?? '').replace(/(?<!\$)\$([A-Za-z_]\w*)/g, (whole, key: string) => vars.get(key) ?? whole)
    // Scripts have LF where some bodies have CRLF, and do not always count the last one.
    const plain = (value: string) => value.toLowerCase().replace(/\r+\n/g, '\n').replace(/\n+$/, '')
    return plain(text) === plain(got)
  }
}

/** Untagged responses up to the tagged answer, literals joined. */
async function respond(client: FakeClient, tag: string): Promise<{ untagged: string[]; answer: string }> {
  const untagged: string[] = []
  for (;;) {
    let line = await client.line()
    for (let literal; (literal = /\{(\d+)\}$/.exec(line));) line += `\r\n${await client.octets(Number(literal[1]))}${await client.line()}`
    if (line.startsWith(`${tag} `)) return { untagged, answer: line.slice(tag.length + 1) }
    if (line.startsWith('+ ')) continue
    untagged.push(line)
  }
}

/** Scripts whose commands go out together: `tagN command`, then `tagN ok` and untagged lines in any order. */
async function playPipelined(name: string): Promise<void> {
  const lines = readFileSync(join(folder, name), 'latin1').split('\n\n').slice(1).join('\n').split('\n')
  const { address } = await stage.account()
  const clients = await Promise.all([1, 2].map(async () => {
    const client = stage.connect()
    await client.line()
    await client.command('l', `LOGIN ${address} "${PASSWORD}"`)
    return client
  }))
  let untagged: string[] = []
  for (const line of lines) {
    const match = /^(?:(\d) )?(tag\d+) (.*)$/.exec(line)
    if (!match) continue
    const client = clients[Number(match[1] || 1) - 1]!
    if (!/^(ok|no|bad)\b/.test(match[3]!)) {
      client.send(`${match[2]!} ${match[3]!.replace(/\$\{mailbox\}/g, 'pipelined')}\r\n`)
      continue
    }
    const response = await respond(client, match[2]!)
    untagged.push(...response.untagged)
    assert.ok(response.answer.toLowerCase().startsWith(match[3]!.split(' ')[0]!), `${line}: ${response.answer}`)
  }
  for (const line of lines.filter((text) => text.startsWith('* '))) {
    const wanted = line.replace(/\$\{mailbox\}/g, 'pipelined').toLowerCase()
    const at = untagged.findIndex((got) => got.toLowerCase() === wanted)
    assert.ok(at >= 0, `${line}: ${untagged.join(' | ')}`)
    untagged = untagged.toSpliced(at, 1)
  }
}

function mailsOf(mbox: string): string[] {
  return mbox.split(/^From .*\n/m).slice(1).map((mail) => mail.replace(/\r?\n/g, '\r\n'))
}

async function play(name: string): Promise<void> {
  const { head, steps } = parse(readFileSync(join(folder, name), 'latin1'))
  const { address } = await stage.account()
  const script = new Script()
  const mailbox = `t${Math.abs(name.length * 7919 + steps.length)}`
  script.vars.set('mailbox', mailbox)
  script.vars.set('user', address).set('username', address).set('password', PASSWORD)
  const state = head.get('state') ?? 'selected'
  const clients: FakeClient[] = []
  let tags = 0
  const run = async (client: FakeClient, command: string) => {
    const tag = `t${++tags}`
    client.send(`${tag} ${command.replace(/\{(\d+)\}\r\n/g, '{$1+}\r\n')}\r\n`)
    return respond(client, tag)
  }
  const file = existsSync(join(folder, `${name}.mbox`)) ? `${name}.mbox` : 'default.mbox'
  const mails = mailsOf(readFileSync(join(folder, file), 'latin1'))
  let mailAt = 0
  const appendCommand = (extra: string) => {
    const mail = mails[mailAt++ % mails.length]!
    return `APPEND ${extra === '' ? mailbox : extra} {${mail.length}+}\r\n${mail}`
  }
  for (let i = 0; i < Number(head.get('connections') ?? 1); i += 1) {
    const client = stage.connect()
    clients.push(client)
    await client.line()
    if (state === 'nonauth') continue
    assert.match((await run(client, `LOGIN ${address} "${PASSWORD}"`)).answer, /^OK/)
  }
  if (state !== 'nonauth' && state !== 'auth') {
    await run(clients[0]!, `CREATE ${mailbox}`)
    if (state === 'selected' || state === 'appended') {
      const count = head.get('messages') === 'all' || !head.get('messages') ? mails.length : Number(head.get('messages'))
      for (let i = 0; i < count; i += 1) assert.match((await run(clients[0]!, appendCommand(''))).answer, /^OK/)
    }
    if (state === 'selected') for (const client of clients) assert.match((await run(client, `SELECT ${mailbox}`)).answer, /^OK/)
  }
  for (const step of steps) {
    const client = clients[step.session - 1]!
    let command = script.filled(step.command)
    const append = /^append(.*)$/is.exec(command)
    if (append && !command.includes('{')) {
      const rest = append[1]!.trim()
      command = appendCommand(rest === '' ? '' : rest.startsWith('(') || rest.startsWith('"') ? `${mailbox} ${rest}` : rest)
    }
    const { untagged, answer } = await run(client, command)
    script.vars.set('tag', `t${tags}`)
    const where = `${name}:${step.at} ${step.command}\ngot:\n${untagged.join('\n')}\n${answer}`
    if (step.status !== 'any') assert.ok(answer.toLowerCase().startsWith(step.status), `expected ${step.status}: ${where}`)
    if (step.code && step.code.length > 0) {
      const got = values(answer)[1]
      const expected = step.code[0]
      if (Array.isArray(expected)) assert.ok(Array.isArray(got) && script.match(expected, got, script.vars, true), `expected code ${JSON.stringify(step.code)}: ${where}`)
    }
    const rest = untagged.map((line) => values(line.slice(2)))
    const vars = new Map(script.vars)
    let base = 0
    for (const expected of step.untagged) {
      const at = rest.findIndex((got) => {
        const trial = new Map(vars)
        const isMatch = script.match(expected.value, got, trial, true, base)
        if (isMatch && expected.positive) for (const [key, value] of trial) vars.set(key, value)
        return isMatch
      })
      if (expected.positive) {
        assert.ok(at >= 0, `expected ${expected.text}: ${where}`)
        // Several expectations may speak of one FETCH or LIST; of others each has its own.
        if (!/^(fetch|list|lsub)$/i.test(String(rest[at]![1])) && !/^(list|lsub)$/i.test(String(rest[at]![0]))) rest.splice(at, 1)
      } else assert.ok(at < 0, `not expected ${expected.text}: ${where}`)
    }
    for (const [key, value] of vars) script.vars.set(key, value)
  }
  for (const client of clients) client.session.close()
}

const offered = new Set(['literal+', 'sasl-ir', 'id', 'enable', 'idle', 'namespace', 'children', 'uidplus', 'move', 'unselect', 'special-use', 'list-extended', 'list-status', 'status=size', 'condstore', 'esearch', 'within', 'binary', 'searchres', 'qresync', 'special-use'])

if (!there) test('ImapTest scripts', { skip: 'the shared suites are not here' }, () => undefined)
else {
  for (const name of readdirSync(folder).filter((file) => !file.includes('.')).sort()) {
    const { head } = parse(readFileSync(join(folder, name), 'latin1'))
    const wanted = (head.get('capabilities') ?? '').toLowerCase().split(/\s+/).filter((word) => word !== '')
    if (!wanted.every((capability) => offered.has(capability))) continue
    const explained = EXPLAINED[name]
    test(`ImapTest ${name}${explained ? `: ${explained.why}` : ''}`, () => (
      explained ? assert.rejects(play(name), explained.found) : name.startsWith('pipeline') ? playPipelined(name) : play(name)
    ))
  }
}
