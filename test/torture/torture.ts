// npm run torture: the server under load from senders and IMAP writers, killed at random moments and at named
// crash points, or cut off from its disk, again and again; after each restart the ledger is compared.
//   --kills N        random SIGKILLs (default 200)
//   --points         also kill at every named crash point
//   --cuts N         power cuts (xfs_io shutdown on a loop image); needs root, loop devices, xfsprogs
//   --fs xfs|ext4    file system of the cuts (default xfs)
//   --damage         delete or garble an account database before some restarts
//   --load MS        longest load before a kill (default 1500)
//   --seed N
// Ends with 1 when anything was lost, doubled, renumbered or damaged.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, unlinkSync, writeSync, closeSync, ftruncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { seededRandom, type Random } from '../../src/base/random.ts'
import { CRASH_STEPS } from '../../src/store/journal/crash-point.ts'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { Ledger } from './ledger.ts'
import { runSender, runWriter } from './load.ts'
import { PowerCutDisk } from './power-cut-disk.ts'
import { verify } from './verify.ts'

const PASSWORD = 'torture-password'
const RECIPIENTS = ['r1', 'r2', 'r3', 'r4'].map((name) => `${name}@test.example`)
const WRITERS = ['w1', 'w2', 'w3'].map((name) => `${name}@test.example`)
const SENDERS = ['s1', 's2', 's3', 's4', 's5', 's6']

export interface TortureOptions {
  kills: number
  points: boolean
  cuts: number
  fs: 'xfs' | 'ext4'
  damage: boolean
  loadMsMax: number
  seed: number
  say: (line: string) => void
}

export interface TortureResult {
  rounds: number
  acknowledged: number
  changes: number
  findings: string[]
}

export async function torture(options: TortureOptions): Promise<TortureResult> {
  const random = seededRandom(options.seed)
  const ledger = new Ledger()
  const disk = options.cuts > 0 ? PowerCutDisk.make(options.fs) : undefined
  const data = disk ? join(disk.mountPoint, 'data') : mkdtempSync(join(tmpdir(), 'daruma-torture-'))
  mkdirSync(data, { recursive: true })
  const server = new DarumaProcess({ data, config: 'journal.segment_size = "4M"\n' })
  const findings: string[] = []
  let rounds = 0
  try {
    await server.start()
    for (const account of [...RECIPIENTS, ...WRITERS]) server.addAccount(account, PASSWORD)
    await server.kill('SIGTERM')
    const plan = planOf(options)
    for (const round of plan) {
      await server.kill()
      if (options.damage && random.int(4) === 0) damageSomething(data, random, options.say)
      await startUnder(server, round.point, random)
      ledger.thaw()
      const found = await verify({ ledger, imapPort: server.ports.imap, password: PASSWORD, recipients: RECIPIENTS, writers: WRITERS })
      findings.push(...found.map((sentence) => `round ${rounds} (${round.name}, after the restart): ${sentence}`))
      if (found.length > 0) options.say(`round ${rounds}: ${found.join('\n  ')}`)
      const load = startLoad(server, ledger, random)
      const died = server.exited()
      const untilMs = 50 + random.int(options.loadMsMax)
      if (round.kind === 'point') await Promise.race([died, sleep(10_000)])
      else {
        const how = await Promise.race([died, sleep(untilMs)])
        if (how !== undefined) findings.push(`round ${rounds}: the server ended by itself (${how})\n${server.stderr.slice(-2000)}`)
      }
      if (round.kind === 'cut' && disk) {
        if (random.int(3) === 0) {
          // A kill and a cut in a row: the new owner has just copied the tail.
          ledger.freeze()
          await server.kill()
          await load
          await server.start()
          ledger.thaw()
        }
        ledger.freeze()
        disk.cut()
      }
      ledger.freeze()
      await server.kill()
      const broken = (await load).flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []))
      if (round.kind === 'kill') findings.push(...broken.map((sentence) => `round ${rounds}: ${sentence}`))
      if (round.kind === 'cut' && disk) disk.restore()
      rounds += 1
      if (rounds % 10 === 0) options.say(`${rounds}/${plan.length} rounds, ${acknowledgedOf(ledger)} messages acknowledged, ${findings.length} findings`)
    }
    await server.start()
    ledger.thaw()
    findings.push(...(await verify({ ledger, imapPort: server.ports.imap, password: PASSWORD, recipients: RECIPIENTS, writers: WRITERS })))
    const how = await server.stop()
    if (how !== 0) findings.push(`the last stop ended with ${how}`)
    return { rounds, acknowledged: acknowledgedOf(ledger), changes: ledger.uidsSeen.size, findings }
  } finally {
    await server.dispose()
    if (disk) disk.dispose()
    else rmSync(data, { recursive: true, force: true })
  }
}

interface Round {
  kind: 'kill' | 'point' | 'cut'
  name: string
  point?: string
}

function planOf(options: TortureOptions): Round[] {
  const rounds: Round[] = []
  for (let i = 0; i < options.kills; i++) rounds.push({ kind: 'kill', name: 'random kill' })
  if (options.points) {
    for (const step of CRASH_STEPS) for (const side of ['before', 'after']) rounds.push({ kind: 'point', name: `${step}:${side}`, point: `${step}:${side}` })
  }
  for (let i = 0; i < options.cuts; i++) rounds.push({ kind: 'cut', name: `power cut on ${options.fs}` })
  return rounds
}

/** A crash point may be on the way up: then it is started again without one. */
async function startUnder(server: DarumaProcess, point: string | undefined, random: Random): Promise<void> {
  if (point === undefined) return server.start()
  process.env['DARUMA_CRASH_AT'] = `${point}:${1 + random.int(3)}`
  try {
    await server.start()
  } catch {
    delete process.env['DARUMA_CRASH_AT']
    await server.start()
  } finally {
    delete process.env['DARUMA_CRASH_AT']
  }
}

function startLoad(server: DarumaProcess, ledger: Ledger, random: Random): Promise<PromiseSettledResult<void>[]> {
  const options = { ledger, random, smtpPort: server.ports.smtp, imapPort: server.ports.imap, recipients: RECIPIENTS, password: PASSWORD }
  return Promise.allSettled([...SENDERS.map((name) => runSender(name, options)), ...WRITERS.map((account) => runWriter(account, options))])
}

/** One account loses its database: deleted, emptied, cut short, or with noise in the middle. */
function damageSomething(data: string, random: Random, say: (line: string) => void): void {
  const accounts = readdirSync(join(data, 'accounts'))
  const account = accounts[random.int(accounts.length)] as string
  const folder = join(data, 'accounts', account)
  const name = readdirSync(folder).filter((file) => /^mail\.\d+\.db$/.test(file)).sort((a, b) => Number(a.split('.')[1]) - Number(b.split('.')[1])).at(-1)
  if (name === undefined) return
  const file = join(folder, name)
  const how = ['deleted', 'emptied', 'cut short', 'garbled'][random.int(4)] as string
  for (const suffix of ['-wal', '-shm']) if (how === 'deleted') rmSync(file + suffix, { force: true })
  if (how === 'deleted') unlinkSync(file)
  else {
    const size = statSync(file).size
    const fd = openSync(file, 'r+')
    if (how === 'emptied') ftruncateSync(fd, 0)
    else if (how === 'cut short') ftruncateSync(fd, Math.floor(size / 2))
    // Noise over whole pages, as a disk that has lost sectors gives it.
    else for (let i = 0; i < 20; i++) writeSync(fd, random.bytes(4096), 0, 4096, random.int(Math.max(1, Math.floor(size / 4096))) * 4096)
    closeSync(fd)
    if (how !== 'garbled') for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true })
  }
  say(`account ${account}: ${name} ${how}`)
}

function acknowledgedOf(ledger: Ledger): number {
  let count = 0
  for (const message of ledger.sent.values()) count += message.acknowledged > 0 ? 1 : 0
  return count
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export function rootAndLoop(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  if (spawnSync('losetup', ['-f']).status !== 0) return 'needs loop devices'
  return undefined
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '200' }, points: { type: 'boolean', default: false }, cuts: { type: 'string', default: '0' },
      fs: { type: 'string', default: 'xfs' }, damage: { type: 'boolean', default: false }, load: { type: 'string', default: '1500' }, seed: { type: 'string', default: '1' },
    },
  })
  const seed = Number(values.seed)
  const result = await torture({
    kills: Number(values.kills), points: values.points, cuts: Number(values.cuts), fs: values.fs === 'ext4' ? 'ext4' : 'xfs', damage: values.damage,
    loadMsMax: Number(values.load), seed, say: (line) => console.log(line),
  })
  console.log(`seed ${seed}: ${result.rounds} rounds, ${result.acknowledged} messages acknowledged, ${result.changes} UIDs seen, ${result.findings.length} findings`)
  for (const finding of result.findings) console.log(`  ${finding}`)
  process.exitCode = result.findings.length === 0 ? 0 : 1
}
