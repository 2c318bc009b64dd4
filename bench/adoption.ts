// How fast a server adopts what an understudy took, and how long it keeps others waiting meanwhile:
//
//   node bench/adoption.ts [MESSAGES] [OCTETS]        2,000 messages of 4,096 octets when not given
//
// The intake is made as after a kill, with its last segment unsealed. One client that says NOOP every 5 ms measures
// the longest silence of the taking thread, from the first moment at which it answers.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../src/base/clock.ts'
import { nodeDisk } from '../src/base/disk.ts'
import { silentLog } from '../src/base/log.ts'
import { systemRandom } from '../src/base/random.ts'
import { printTakenMeta } from '../src/intake/taken.ts'
import { openJournal, type RecordDraft } from '../src/store/journal/journal.ts'
import { DarumaProcess } from '../test/harness/daruma-process.ts'
import { until } from '../test/harness/until.ts'

const [messages = 2000, octets = 4096] = process.argv.slice(2).map(Number)
const ACCOUNTS = 10
const server = new DarumaProcess()
try {
  await server.start()
  for (let n = 0; n < ACCOUNTS; n += 1) server.addAccount(`a${n}@test.example`, 'secret')
  await server.stop()
  leave(join(server.data, 'intake'))
  const startedMs = performance.now()
  await server.start()
  const openMs = performance.now() - startedMs
  const watch = watchNoop(server.ports.smtp)
  await until('everything is adopted', () => readdirSync(join(server.data, 'intake/journal')).length === 0, 600_000)
  const silenceMs = watch()
  const told = await until('the log says so', () => /what the understudy took has been adopted.*/.exec(server.stderr)?.[0])
  const ms = Number(/\bms["=:]+ ?(\d+)/.exec(told)?.[1])
  console.log(`${messages} messages of ${octets} octets: ${ms} ms, ${Math.round((messages * 1000) / ms)} messages/s; doors open after ${Math.round(openMs)} ms; longest wait for a NOOP ${Math.round(silenceMs)} ms`)
} finally {
  await server.dispose()
}

function leave(directory: string): void {
  mkdirSync(directory, { recursive: true })
  const { journal } = openJournal({ dataDirectory: directory, disk: nodeDisk, clock: systemClock, random: systemRandom, log: silentLog })
  const bytes = Buffer.from(`From: x@client.example\r\nSubject: taken\r\n\r\n${'y'.repeat(76)}\r\n`.padEnd(octets - 2, `${'z'.repeat(76)}\r\n`) + '\r\n')
  const sha256 = createHash('sha256').update(bytes).digest()
  let batch: RecordDraft[] = []
  for (let n = 0; n < messages; n += 1) {
    const meta = printTakenMeta({ kind: 'taken', via: 'smtp', sender: 'x@client.example', peer: '192.0.2.1', helo: 'client.example', extended: true, traceId: `t${n}`, id: `m${n}`, recipients: [{ address: `a${n % ACCOUNTS}@test.example` }] })
    batch.push({ type: 'arrival', version: 1, timeMs: Date.now(), databases: [], meta, body: { place: 'inline', parts: [bytes], sha256 } })
    if (batch.length < 16 && n + 1 < messages) continue
    journal.append(batch)
    batch = []
  }
  // Not closed: as a killed process leaves it.
}

/** Begins; what is returned ends it and says how long the longest answer took. */
function watchNoop(port: number): () => number {
  const socket = connect(port, '127.0.0.1')
  let worst = 0
  let askedMs = performance.now()
  let waiting = true
  socket.on('data', () => {
    worst = Math.max(worst, performance.now() - askedMs)
    waiting = false
  })
  socket.on('error', () => {})
  const timer = setInterval(() => {
    if (waiting) return
    waiting = true
    askedMs = performance.now()
    socket.write('NOOP\r\n')
  }, 5)
  return () => {
    clearInterval(timer)
    socket.destroy()
    return waiting ? Math.max(worst, performance.now() - askedMs) : worst
  }
}
