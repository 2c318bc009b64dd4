// R1b: killed before and after each call that changes the disk (write, pwrite, writev, fsync, fdatasync, rename, unlink,
// mkdir) of one life: start, accept, move, expunge, delivery, bounce, snapshot (scenario.ts). After each kill a server
// starts on what is left, and the ledger is compared. Each life goes on with the data of the one before.
//   node test/torture/every-call.ts [--side before|after|both] [--from 1] [--to N] [--sample COUNT] [--seed N]
// Ends with 1 when anything was lost, half visible or doubled.
import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { seededRandom, type Random } from '../../src/base/random.ts'
import { FailingDisk } from '../faults/failing-disk.ts'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { Ledger } from './ledger.ts'
import { PASSWORD, READERS, SNAPSHOT_RECORDS, SUBMITTER, WRITER, live, reports, type Life } from './scenario.ts'
import { Sink } from './sink.ts'
import { drainQueue, verifyOutbound } from './verify-outbound.ts'
import { verify } from './verify.ts'

export interface EveryCallOptions {
  side: 'before' | 'after' | 'both'
  /** Calls to be killed at, counted from the start of the process. */
  from: number
  to: number
  /** So many of them by chance; 0 for all. */
  sample: number
  seed: number
  say: (line: string) => void
}

export interface EveryCallResult {
  /** Calls of a whole life, counted beforehand. */
  calls: number
  /** Which, by name. */
  kinds: Record<string, number>
  kills: number
  /** Lives that came to their end before the call that was to be their last. */
  survived: number
  acknowledged: number
  findings: string[]
}

export async function everyCall(options: EveryCallOptions): Promise<EveryCallResult> {
  const cleanings: (() => void)[] = []
  const disk = new FailingDisk({ after: (clean) => void cleanings.push(clean as () => void) })
  const sink = await Sink.open()
  sink.refuseEvery = 0
  const server = new DarumaProcess({
    env: disk.env,
    config: `journal.segment_size = "4M"\nlimits.snapshot_records = ${SNAPSHOT_RECORDS}\n[[route]]\ndomain = "away.example"\nhost = "127.0.0.1"\nport = ${sink.port}\n`,
  })
  try {
    return await new Run(options, { disk, sink, server }).all()
  } finally {
    await server.dispose()
    sink.close()
    for (const clean of cleanings) clean()
    rmSync(server.data, { recursive: true, force: true })
  }
}

class Run {
  readonly #options: EveryCallOptions
  readonly #disk: FailingDisk
  readonly #sink: Sink
  readonly #server: DarumaProcess
  readonly #random: Random
  readonly #ledger = new Ledger()
  readonly #bounces: Life['bounces'] = new Map()
  readonly #endedMs = new Map<number, number>()
  readonly #findings: string[] = []
  #lives = 0
  #alive = false

  constructor(options: EveryCallOptions, { disk, sink, server }: { disk: FailingDisk; sink: Sink; server: DarumaProcess }) {
    this.#options = options
    this.#disk = disk
    this.#sink = sink
    this.#server = server
    this.#random = seededRandom(options.seed)
  }

  async all(): Promise<EveryCallResult> {
    await this.#start()
    for (const account of [...READERS, WRITER, SUBMITTER]) this.#server.addAccount(account, PASSWORD)
    const { calls, kinds } = await this.#count()
    this.#options.say(`a life has ${calls} calls: ${Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`).join(', ')}`)
    const { kills, survived } = await this.#killAll(this.#plan(calls))
    await this.#start()
    await this.#check('the end', 'bodies')
    this.#note('the end', await drainQueue(this.#server, this.#sink))
    this.#note('the end', verifyOutbound(this.#ledger, this.#sink, this.#endedMs).findings)
    await this.#checkReports()
    const how = await this.#server.stop()
    if (how !== 0) this.#note('the end', [`the last stop ended with ${how}`])
    return { calls, kinds, kills, survived, acknowledged: this.#ledger.acknowledged() + this.#ledger.changes, findings: this.#findings }
  }

  #plan(calls: number): { call: number; how: 'kill' | 'kill-after' }[] {
    const { side, from, to, sample } = this.#options
    const hows = side === 'both' ? (['kill', 'kill-after'] as const) : side === 'before' ? (['kill'] as const) : (['kill-after'] as const)
    const all = Array.from({ length: Math.max(0, Math.min(to, calls) - from + 1) }, (_, index) => hows.map((how) => ({ call: from + index, how }))).flat()
    if (sample === 0) return all
    return Array.from({ length: Math.min(sample, all.length) }, () => all.splice(this.#random.int(all.length), 1)[0] as (typeof all)[number])
  }

  /** One whole life, only counted. */
  async #count(): Promise<{ calls: number; kinds: Record<string, number> }> {
    await this.#kill()
    this.#disk.order({ calls: 'change', path: this.#server.data, how: 'count', times: 0 })
    await this.#start()
    if (!(await live(this.#life()))) throw new Error(`the server ended by itself:\n${this.#server.stderr.slice(-2000)}`)
    await this.#kill()
    const kinds: Record<string, number> = {}
    const tried = this.#disk.tried()
    for (const line of tried) {
      const kind = line.split(' ')[1] ?? '?'
      kinds[kind] = (kinds[kind] ?? 0) + 1
    }
    this.#disk.mend()
    return { calls: tried.length, kinds }
  }

  async #killAll(plan: { call: number; how: 'kill' | 'kill-after' }[]): Promise<{ kills: number; survived: number }> {
    let kills = 0
    let survived = 0
    // Lives differ in length (checkpoints, flushes by time). For a drawn call that never came, one before it is drawn.
    const drawsMax = this.#options.sample
    for (const [index, { call, how }] of plan.entries()) {
      const at = `${how === 'kill' ? 'before' : 'after'} call ${call}`
      this.#disk.order({ calls: 'change', path: this.#server.data, nth: call, how })
      const died = await this.#startAndLive()
      const last = this.#disk.tried()[0] ?? 'no call'
      if (died) kills += 1
      else {
        survived += 1
        if (call > 1 && survived <= drawsMax) plan.push({ call: 1 + this.#random.int(call - 1), how })
      }
      await this.#kill()
      this.#disk.mend()
      await this.#start()
      await this.#check(`${at} (${last})`, index % 25 === 24 ? 'all' : 'new')
      await this.#kill()
      if ((index + 1) % 20 === 0) this.#options.say(`${index + 1} of ${plan.length} lives, ${kills} killed, ${this.#findings.length} findings`)
    }
    return { kills, survived }
  }

  /** True when the kill came. */
  async #startAndLive(): Promise<boolean> {
    try {
      await this.#start()
    } catch (error) {
      if (!String(error).includes('SIGKILL')) throw error
      return true
    }
    return !(await live(this.#life()))
  }

  async #start(): Promise<void> {
    this.#sink.life += 1
    this.#alive = true
    const starting = this.#server.start()
    void this.#server.exited().then(() => {
      this.#alive = false
      this.#endedMs.set(this.#sink.life, performance.now())
    })
    await starting
  }

  async #kill(): Promise<void> {
    await this.#server.kill()
  }

  #life(): Life {
    return { server: this.#server, ledger: this.#ledger, sink: this.#sink, random: this.#random, bounces: this.#bounces, number: this.#lives++, dead: () => !this.#alive }
  }

  async #check(at: string, scope: 'new' | 'all' | 'bodies'): Promise<void> {
    const { findings } = await verify({ ledger: this.#ledger, imapPort: this.#server.ports.imap, password: PASSWORD, recipients: READERS, writers: [WRITER], scope })
    this.#note(at, findings)
    // What goes to two people is one record: both have it, or nobody.
    const [one, two] = READERS.map((reader) => new Set([...(this.#ledger.known.get(`${reader}/INBOX`)?.messages.values() ?? [])].map((message) => message.id)))
    for (const message of this.#ledger.sent.values()) {
      if (message.recipients.length === 2 && one?.has(message.id) !== two?.has(message.id)) this.#note(at, [`HALF VISIBLE: ${message.id} is in one of two INBOXes`])
    }
  }

  /** Each acknowledged message that bounced has its report, once. */
  async #checkReports(): Promise<void> {
    const counts = await reports({ server: this.#server })
    for (const message of this.#bounces.values()) {
      const count = counts.get(message.id) ?? 0
      if (message.acknowledged > 0 && count === 0) this.#note('the end', [`LOST: no report about ${message.id}`])
      if (count > message.acknowledged + message.uncertain) this.#note('the end', [`TOO MANY: ${count} reports about ${message.id}`])
    }
  }

  #note(at: string, sentences: readonly string[]): void {
    for (const sentence of sentences.slice(0, 20)) {
      this.#findings.push(`${at}: ${sentence}`)
      this.#options.say(`FOUND ${at}: ${sentence}`)
    }
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      side: { type: 'string', default: 'both' }, from: { type: 'string', default: '1' }, to: { type: 'string', default: '1000000' },
      sample: { type: 'string', default: '0' }, seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    },
  })
  const side = values.side === 'before' || values.side === 'after' ? values.side : 'both'
  const result = await everyCall({ side, from: Number(values.from), to: Number(values.to), sample: Number(values.sample), seed: Number(values.seed), say: (line) => console.log(line) })
  console.log(
    `seed ${values.seed}: ${result.calls} calls in a life; killed ${result.kills} times, ${result.survived} lives ended before their call; ` +
    `${result.acknowledged} messages and changes acknowledged, ${result.findings.length} findings`,
  )
  process.exitCode = result.findings.length === 0 ? 0 : 1
}
