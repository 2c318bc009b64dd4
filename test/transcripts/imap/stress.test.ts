// Several clients at once on one mailbox, each believing only what it was told. Whatever they do, each one's
// belief must agree with the server: numbers, UIDs, flags. A failure prints its seed.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { seededRandom } from '../../../src/base/random.ts'
import type { Random } from '../../../src/base/random.ts'
import { ImapStage, PASSWORD } from './imap-stage.ts'
import type { FakeClient } from './imap-stage.ts'

let stage: ImapStage
before(async () => {
  stage = await ImapStage.open()
})
after(async () => {
  await stage.close()
})

interface Known { uid: number | undefined; flags: string | undefined }

class Believer {
  readonly client: FakeClient
  readonly random: Random
  readonly name: string
  messages: Known[] = []
  highestUid = 0
  #tag = 0

  constructor(client: FakeClient, random: Random, name: string) {
    this.client = client
    this.random = random
    this.name = name
  }

  async run(command: string, may: { expunge: boolean } = { expunge: true }): Promise<string> {
    const tag = `${this.name}${++this.#tag}`
    this.client.send(`${tag} ${command}\r\n`, this.random.int(8) === 0)
    for (;;) {
      const line = await this.client.line()
      if (line.startsWith(`${tag} `)) return line.slice(tag.length + 1)
      this.hear(line, may.expunge, command)
    }
  }

  hear(line: string, mayExpunge: boolean, command: string): void {
    const match = /^\* (\d+) (EXISTS|EXPUNGE|FETCH)(?: \((.*)\))?$/.exec(line)
    if (!match) return
    const number = Number(match[1])
    if (match[2] === 'EXISTS') {
      assert.ok(number >= this.messages.length, `${this.name} ${command}: EXISTS ${number} after ${this.messages.length}`)
      while (this.messages.length < number) this.messages.push({ uid: undefined, flags: undefined })
    } else if (match[2] === 'EXPUNGE') {
      assert.ok(mayExpunge, `${command}: EXPUNGE is not allowed here`)
      assert.ok(number >= 1 && number <= this.messages.length, `${this.name} ${command}: EXPUNGE ${number} of ${this.messages.length}`)
      this.messages.splice(number - 1, 1)
    } else {
      const known = this.messages[number - 1]
      assert.ok(known, `${this.name} ${command}: ${line} of ${this.messages.length}`)
      const uid = /UID (\d+)/.exec(match[3]!)
      if (uid) {
        assert.ok(known.uid === undefined || known.uid === Number(uid[1]), `${this.name} ${command}: ${line}, but number ${number} was UID ${known.uid}`)
        known.uid = Number(uid[1])
      }
      const flags = /FLAGS \(([^)]*)\)/.exec(match[3]!)
      if (flags) known.flags = sorted(flags[1]!)
    }
  }

  set(): string {
    const n = this.messages.length
    const one = () => 1 + this.random.int(n)
    return this.random.int(3) === 0 ? `${one()}:${one()}` : this.random.int(3) === 0 ? `${one()},${one()}` : `${one()}`
  }

  async act(): Promise<void> {
    const { random } = this
    if (this.messages.length < 5 || random.int(6) === 0) {
      const message = `Subject: ${random.int(1000)}\r\n\r\nx\r\n`
      assert.match(await this.run(`APPEND box (${random.int(2) ? '\\Flagged' : 'k1'}) {${message.length}+}\r\n${message}`), /^OK/)
      return
    }
    const flag = ['\\Seen', '\\Deleted', '\\Answered', 'k1', 'k2', '$Junk'][random.int(6)]!
    switch (random.int(12)) {
      case 0: case 1: case 2: {
        const set = this.set()
        const how = ['+', '-', ''][random.int(3)]!
        const silent = random.int(2) === 0
        if (silent) this.expectSilently(set, how, flag)
        assert.match(await this.run(`STORE ${set} ${how}FLAGS${silent ? '.SILENT' : ''} (${flag})`, { expunge: false }), /^OK/)
        break
      }
      case 3: case 4: assert.match(await this.run(`FETCH ${this.set()} (UID FLAGS)`, { expunge: false }), /^OK/); break
      case 5: assert.match(await this.run(`UID FETCH 1:* (FLAGS)`), /^OK/); break
      case 6: assert.match(await this.run('NOOP'), /^OK/); break
      case 7: assert.match(await this.run('SEARCH DELETED', { expunge: false }), /^OK/); break
      case 8: assert.match(await this.run('EXPUNGE'), /^OK/); break
      case 9: assert.match(await this.run(`COPY ${this.set()} box`), /^OK/); break
      case 10: assert.match(await this.run(`MOVE ${this.set()} ${random.int(2) ? 'Trash' : 'box'}`), /^OK/); break
      case 11: {
        this.client.send('idle IDLE\r\n')
        for (let line = await this.client.line(); !line.startsWith('+'); line = await this.client.line()) this.hear(line, true, 'IDLE')
        this.client.send('DONE\r\n')
        for (let line = await this.client.line(); !line.startsWith('idle '); line = await this.client.line()) this.hear(line, true, 'IDLE')
        break
      }
    }
  }

  /** What a client takes for granted after SILENT, unless it is told otherwise. */
  expectSilently(set: string, how: string, flag: string): void {
    for (const part of set.split(',')) {
      const [from, to = from] = part.split(':').map(Number)
      for (let number = Math.min(from!, to!); number <= Math.max(from!, to!); number += 1) {
        const message = this.messages[number - 1]
        if (message?.flags === undefined) continue
        const flags = message.flags.split(' ').filter((other) => other !== '' && other !== flag)
        message.flags = how === '' ? flag : sorted([...flags, ...(how === '+' ? [flag] : [])].join(' '))
      }
    }
  }
}

function sorted(flags: string): string {
  return flags.split(' ').filter((flag) => flag !== '' && flag !== '\\Recent').sort().join(' ')
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`four clients, seed ${seed}`, { timeout: 120_000 }, async () => {
    const { address } = await stage.account()
    const believers: Believer[] = []
    for (let n = 0; n < 4; n += 1) {
      const client = stage.connect()
      await client.line()
      const believer = new Believer(client, seededRandom(seed * 100 + n), `s${seed}c${n}x`)
      await believer.run(`LOGIN ${address} "${PASSWORD}"`)
      if (n === 0) await believer.run('CREATE box')
      assert.match(await believer.run('SELECT box'), /^OK/)
      believers.push(believer)
    }
    await Promise.all(believers.map(async (believer) => {
      for (let step = 0; step < 120; step += 1) await believer.act()
    }))
    const fresh = stage.connect()
    await fresh.line()
    const truth = new Believer(fresh, seededRandom(0), 'truth')
    await truth.run(`LOGIN ${address} "${PASSWORD}"`)
    await truth.run('EXAMINE box')
    await truth.run('UID FETCH 1:* (FLAGS)')
    for (const believer of believers) {
      await believer.run('NOOP')
      const believed = believer.messages.map((message) => ({ ...message }))
      await believer.run('UID FETCH 1:* (FLAGS)')
      assert.deepEqual(believer.messages, truth.messages, `seed ${seed}, ${believer.name}`)
      for (const [place, message] of believed.entries()) {
        if (message.uid !== undefined) assert.equal(message.uid, truth.messages[place]?.uid)
        if (message.flags !== undefined) assert.equal(message.flags, truth.messages[place]?.flags, `seed ${seed}, ${believer.name}: it was not told of flags`)
      }
      believer.client.session.close()
    }
    assert.deepEqual(stage.complaints, [])
  })
}
