// One run of the torture: rounds of load and of an end that nobody expects, and after each restart the question
// whether everything that was promised is there.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom, type Random } from '../../src/base/random.ts'
import { CRASH_STEPS } from '../../src/store/journal/crash-point.ts'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { damageDatabase, flipInSegments, loseDatabase, removeSpares, tearEnd } from './damage.ts'
import { Ledger } from './ledger.ts'
import { runQuitter, runSender, runSubmitter, runWatcher, runWriter } from './load.ts'
import { PowerCutDisk } from './power-cut-disk.ts'
import { Sink } from './sink.ts'
import { drainQueue, verifyOutbound } from './verify-outbound.ts'
import { isGone, verify, type Scope } from './verify.ts'

const PASSWORD = 'torture-password'
const RECIPIENTS = ['r1', 'r2', 'r3', 'r4'].map((name) => `${name}@test.example`)
const WRITERS = ['w1', 'w2', 'w3'].map((name) => `${name}@test.example`)
const SUBMITTER = 'sub@test.example'
const SENDERS = ['s1', 's2', 's3', 's4', 's5', 's6']
/** A server whose disk is gone ends by itself (R3: within a second; this machine is busy). */
const END_AFTER_CUT_MS = 5000
/** How long a crash point may take to come by: under load, and then at rest. */
const POINT_MS = 6000

export interface TortureOptions {
  kills: number
  /** Names of crash points ("append-write:before"); 'all' for every one. */
  points: readonly string[] | 'all'
  cuts: number
  fs: 'xfs' | 'ext4'
  damage: boolean
  loadMsMax: number
  seed: number
  say: (line: string) => void
  /** Ends everything that the run has started, and the process. */
  signal?: AbortSignal
}

export interface TortureResult {
  rounds: number
  acknowledged: number
  submitted: number
  sentTwice: number
  changes: number
  uidsSeen: number
  pointsReached: number
  pointsMissed: string[]
  findings: string[]
}

interface Round {
  kind: 'kill' | 'stop' | 'point' | 'cut'
  name: string
  point?: string
}

export function everyPoint(): string[] {
  return CRASH_STEPS.flatMap((step) => [`${step}:before`, `${step}:after`])
}

function planOf(options: TortureOptions, random: Random): Round[] {
  const rounds: Round[] = []
  for (let i = 0; i < options.kills; i++) {
    rounds.push({ kind: 'kill', name: 'random kill' })
    if (random.int(8) === 0) rounds.push({ kind: 'stop', name: 'SIGTERM' })
  }
  for (const point of options.points === 'all' ? everyPoint() : options.points) rounds.push({ kind: 'point', name: point, point })
  for (let i = 0; i < options.cuts; i++) rounds.push({ kind: 'cut', name: `power cut on ${options.fs}` })
  return rounds
}

export async function torture(options: TortureOptions): Promise<TortureResult> {
  const run = await Run.begin(options)
  options.signal?.addEventListener('abort', () => void run.dispose().finally(() => process.exit(1)))
  try {
    return await run.all()
  } finally {
    await run.dispose()
  }
}

class Run {
  readonly #options: TortureOptions
  readonly #random: Random
  readonly #ledger = new Ledger()
  readonly #findings: string[] = []
  readonly #pointsMissed: string[] = []
  readonly #endedMs = new Map<number, number>()
  readonly #disk: PowerCutDisk | undefined
  readonly #data: string
  readonly #mirror: string | undefined
  readonly #server: DarumaProcess
  readonly #sink: Sink
  #round = 0
  #pointsReached = 0
  /** Where in the plan we are, for the findings. */
  #at = 'the beginning'

  private constructor(options: TortureOptions, sink: Sink) {
    this.#options = options
    this.#random = seededRandom(options.seed)
    this.#sink = sink
    this.#disk = options.cuts > 0 ? PowerCutDisk.make(options.fs) : undefined
    this.#data = this.#disk ? join(this.#disk.mountPoint, 'data') : mkdtempSync(join(tmpdir(), 'daruma-torture-'))
    mkdirSync(this.#data, { recursive: true })
    // Crash points of healing need something to heal from.
    this.#mirror = options.points.length > 0 ? mkdtempSync(join(tmpdir(), 'daruma-mirror-')) : undefined
    const points = options.points.length > 0
    this.#server = new DarumaProcess({
      data: this.#data,
      config: `journal.segment_size = "${points ? '1M' : '4M'}"\n${this.#mirror === undefined ? '' : `journal.mirrors = ["${this.#mirror}"]\n`}`
        + `limits.snapshot_records = ${points ? 150 : 1500}\n${points ? 'limits.large_message_octets = "48K"\n' : ''}limits.connections_per_address_max = 1000\n`
        + `[[route]]\ndomain = "away.example"\nhost = "127.0.0.1"\nport = ${sink.port}\n`,
    })
  }

  static async begin(options: TortureOptions): Promise<Run> {
    const run = new Run(options, await Sink.open())
    run.#disk?.flush() // the config file stands on it, and nobody but us has written that
    try {
      await run.#start()
      for (const account of [...RECIPIENTS, ...WRITERS, SUBMITTER]) run.#server.addAccount(account, PASSWORD)
      await run.#server.stop()
      return run
    } catch (error) {
      await run.dispose()
      throw error
    }
  }

  async all(): Promise<TortureResult> {
    const plan = planOf(this.#options, this.#random)
    for (const round of plan) {
      this.#at = `round ${this.#round} (${round.name})`
      await this.#oneRound(round)
      this.#round += 1
      if (this.#round % 10 === 0) this.#options.say(`${this.#round}/${plan.length} rounds, ${this.#ledger.acknowledged()} messages acknowledged, ${this.#findings.length} findings`)
    }
    this.#at = 'the end'
    await this.#start()
    await this.#check('bodies', true)
    this.#note(await drainQueue(this.#server, this.#sink))
    const { findings, duplicates } = verifyOutbound(this.#ledger, this.#sink, this.#endedMs)
    this.#note(findings)
    const how = await this.#server.stop()
    if (how !== 0) this.#note([`the last stop ended with ${how}`])
    let submitted = 0
    for (const message of this.#ledger.submitted.values()) if (message.acknowledged > 0) submitted += 1
    return {
      rounds: this.#round, acknowledged: this.#ledger.acknowledged(), submitted, sentTwice: duplicates, changes: this.#ledger.changes, uidsSeen: this.#ledger.uidsSeen.size,
      pointsReached: this.#pointsReached, pointsMissed: this.#pointsMissed, findings: this.#findings,
    }
  }

  async dispose(): Promise<void> {
    await this.#server.dispose()
    this.#sink.close()
    if (this.#disk) this.#disk.dispose()
    else rmSync(this.#data, { recursive: true, force: true })
    if (this.#mirror !== undefined) rmSync(this.#mirror, { recursive: true, force: true })
  }

  async #oneRound(round: Round): Promise<void> {
    const { damage, loadMsMax, say } = this.#options
    const damaged = damage && this.#random.int(4) === 0 ? damageDatabase(this.#data, this.#random) : undefined
    if (damaged !== undefined) say(`before round ${this.#round}: ${damaged}`)
    const flipped = round.point === undefined ? false : this.#prepareFor(round.point)
    let reached = await this.#startUnder(round.point)
    this.#ledger.thaw()
    const scope: Scope = damaged !== undefined || flipped ? 'bodies' : this.#round % 10 === 0 ? 'all' : 'new'
    if (!(await this.#check(scope, this.#round % 10 === 5, round.point !== undefined))) {
      reached = true
      await this.#start()
      await this.#check(scope, false)
    }
    const load = this.#load()
    const died = this.#server.exited()
    if (round.kind === 'point') reached = (await this.#untilPoint(died, reached)) || reached
    else {
      const how = await Promise.race([died, sleep(50 + this.#random.int(loadMsMax))])
      if (how !== undefined) this.#note([`the server ended by itself (${how})\n${this.#server.stderr.slice(-2000)}`])
    }
    if (round.kind === 'cut' && this.#disk) await this.#cut(this.#disk, load)
    else {
      const how = await this.#end(round.kind === 'stop' ? 'SIGTERM' : 'SIGKILL')
      if (round.kind === 'stop' && how !== 0) this.#note([`SIGTERM ended with ${how}\n${this.#server.stderr.slice(-2000)}`])
    }
    const broken = (await load).flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []))
    // After a cut and when stopping, clients are told that nothing goes on.
    if (round.kind === 'kill' || round.kind === 'point') this.#note(broken)
    if (round.kind === 'cut' && this.#disk) this.#disk.restore()
    if (round.point === undefined) return
    if (reached) this.#pointsReached += 1
    else this.#pointsMissed.push(round.point)
  }

  async #start(): Promise<void> {
    this.#sink.life += 1
    await this.#server.start()
  }

  async #end(signal: NodeJS.Signals): Promise<number | string> {
    const how = await this.#server.kill(signal)
    this.#endedMs.set(this.#sink.life, performance.now())
    return how
  }

  /** True when the point was on the way up: then it is started again without one. */
  async #startUnder(point: string | undefined): Promise<boolean> {
    if (point === undefined) {
      await this.#start()
      return false
    }
    // Where a step comes by often, not always its first time.
    const times = /^(append|large-(create|write|flush)|database)/.test(point) ? 1 + this.#random.int(4) : 1
    process.env['DARUMA_CRASH_AT'] = `${point}:${times}`
    try {
      await this.#start()
      return false
    } catch (error) {
      if (!String(error).includes('ended with SIGKILL')) throw error
      delete process.env['DARUMA_CRASH_AT']
      await this.#start()
      return true
    } finally {
      delete process.env['DARUMA_CRASH_AT']
    }
  }

  /** Some points come by only when the disk is not as it should be. True when something was flipped. */
  #prepareFor(point: string): boolean {
    if (/^(spare|recover)-/.test(point)) for (const root of [this.#data, this.#mirror as string]) removeSpares(root)
    if (point.startsWith('retire-keep-cut')) tearEnd(this.#data, this.#random)
    if (/^(apply-(set-aside|make|mark)|database-flush-directory|snapshot-place)/.test(point)) loseDatabase(this.#data, { cutShort: point.startsWith('apply-set-aside') })
    if (!point.startsWith('heal-')) return false
    return flipInSegments(this.#data, 'X-Ledger: s', this.#random) !== undefined
  }

  /** The server has until now to come by its point: under load first, then at rest (idle segments, flushes, snapshots). */
  async #untilPoint(died: Promise<number | string>, already: boolean): Promise<boolean> {
    if (already) return (await Promise.race([died, sleep(300)])) !== undefined
    if ((await Promise.race([died, sleep(POINT_MS)])) !== undefined) return true
    this.#ledger.rest()
    return (await Promise.race([died, sleep(POINT_MS)])) !== undefined
  }

  async #cut(disk: PowerCutDisk, load: Promise<unknown>): Promise<void> {
    const choice = this.#random.int(4)
    if (choice === 0) {
      // A kill and a cut in a row: the new owner has just copied the tail.
      this.#ledger.rest()
      await this.#end('SIGKILL')
      await load
      await this.#start()
      this.#ledger.freeze()
      disk.cut()
    } else if (choice === 1) {
      // The cut comes somewhere on the way up after a kill.
      this.#ledger.rest()
      await this.#end('SIGKILL')
      await load
      this.#ledger.freeze()
      const starting = this.#start().catch(() => undefined)
      await sleep(this.#random.int(900))
      disk.cut()
      await starting
    } else {
      this.#ledger.freeze()
      disk.cut()
      const how = await Promise.race([this.#server.exited(), sleep(END_AFTER_CUT_MS)])
      if (how !== 74) this.#note([`after the cut the server ended with ${how ?? 'nothing'}, not 74\n${this.#server.stderr.slice(-2000)}`])
    }
    this.#ledger.freeze()
    await this.#end('SIGKILL')
  }

  #load(): Promise<PromiseSettledResult<void>[]> {
    const { smtp, submission, imap } = this.#server.ports
    const options = { ledger: this.#ledger, random: this.#random, smtpPort: smtp, submissionPort: submission, imapPort: imap, recipients: RECIPIENTS, password: PASSWORD }
    return Promise.allSettled([
      ...SENDERS.map((name) => runSender(name, options)), ...WRITERS.map((account) => runWriter(account, options)),
      runSubmitter(SUBMITTER, options), runQuitter(options), runWatcher(RECIPIENTS[0] as string, options),
    ])
  }

  /** False when the server is gone while it is looked at, and that `mayDie`. */
  async #check(scope: Scope, withCommands: boolean, mayDie = false): Promise<boolean> {
    try {
      const { findings, messages } = await verify({ ledger: this.#ledger, imapPort: this.#server.ports.imap, password: PASSWORD, recipients: RECIPIENTS, writers: WRITERS, scope })
      this.#note(findings)
      if (withCommands) await this.#checkCommands(messages)
      return true
    } catch (error) {
      if (mayDie && (isGone(error) || (await Promise.race([this.#server.exited(), sleep(1000)])) !== undefined)) return false
      this.#note([`it could not be looked at: ${error instanceof Error ? error.message : String(error)}\n${this.#server.stderr.slice(-2000)}`])
      return true
    }
  }

  async #checkCommands(messages: number): Promise<void> {
    const client = await this.#server.imap(SUBMITTER, PASSWORD)
    const { MESSAGES: reports = 0 } = await client.statusOf('INBOX', 'MESSAGES')
    await client.logout()
    if (reports > 0) this.#note([`${SUBMITTER} got ${reports} reports: nothing should have bounced`])
    const { messages_total: total } = await this.#server.json<{ messages_total: number }>(['status'])
    if (total !== messages + reports) this.#note([`daruma status says messages_total ${total}, counted ${messages + reports}`])
    const promised = [...this.#ledger.sent.values()].filter((message) => message.acknowledged > 0)
    const message = promised[this.#random.int(Math.max(1, promised.length))]
    if (!message) return
    const rows = await this.#server.json<unknown[]>(['trace', `<${message.id}@torture.example>`])
    if (rows.length < message.recipients.length) this.#note([`daruma trace knows ${rows.length} rows of ${message.id}, sent to ${message.recipients.length}`])
  }

  #note(sentences: readonly string[]): void {
    const shown = sentences.length > 20 ? [...sentences.slice(0, 20), `and ${sentences.length - 20} more`] : sentences
    for (const sentence of shown) {
      this.#findings.push(`${this.#at}: ${sentence}`)
      this.#options.say(`FOUND in ${this.#at}: ${sentence}`)
    }
  }
}

function sleep(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms))
}
