// The three processes under load, each shot at by chance: the server (also three times in a row, so that the understudy
// takes over), the understudy, the supervisor itself, all of them at once, and planned restarts in between. Senders come
// back whatever happens. Each message has a name of its own and is tried once: at the end every one that had its 250 is
// in the mailbox once, and none is there twice, also where adoption was cut off in the middle.
//
//   node test/torture/supervised.ts --shots 200 [--clients 8] [--seed N]
import { parseArgs } from 'node:util'
import { seededRandom } from '../../src/base/random.ts'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { converse, subjectsOf, supervisorStatus } from './restarts.ts'

export interface ShotsOptions {
  shots: number
  clients: number
  seed: number
  say(line: string): void
}

export interface ShotsFigures {
  shots: Record<string, number>
  connections: number
  kept: number
  byUnderstudy: number
  lost: string[]
  doubled: string[]
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export async function runShots(options: ShotsOptions): Promise<ShotsFigures> {
  const random = seededRandom(options.seed)
  const figures: ShotsFigures = { shots: {}, connections: 0, kept: 0, byUnderstudy: 0, lost: [], doubled: [] }
  const server = new DarumaProcess({ supervised: true, config: 'journal.segment_size = "1M"\n' })
  try {
    await server.start()
    server.addAccount('a@test.example', 'secret')
    server.keepPorts()
    const kept = new Set<string>()
    let over = false
    const client = async (number: number) => {
      for (let n = 0; !over; n += 1) {
        const id = `m-${number}-${n}`
        const end = await converse(server.ports.smtp, id)
        figures.connections += 1
        if (end.kept) {
          kept.add(id)
          if (end.byUnderstudy) figures.byUnderstudy += 1
        }
        if (end.how !== 'done') await sleep(20)
      }
    }
    const clients = Array.from({ length: options.clients }, (_, number) => client(number))
    const shoot = (pid: number | null | undefined) => {
      if (!pid) return
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has just ended by itself.
      }
    }
    const look = () => supervisorStatus(server).catch(() => undefined)
    for (let shot = 0; shot < options.shots; shot += 1) {
      await sleep(50 + random.int(700))
      const kind = ['server', 'server', 'understudy', 'row', 'supervisor', 'all', 'restart', 'server'][random.int(8)] as string
      figures.shots[kind] = (figures.shots[kind] ?? 0) + 1
      const status = await look()
      switch (kind) {
        case 'server':
          shoot(status?.server.pid)
          break
        case 'understudy':
          shoot(status?.understudy.pid)
          shoot(status?.server.pid)
          break
        case 'row':
          // Until the understudy stands there; then an operator's word ends the row.
          for (let death = 0; death < 3; death += 1) {
            shoot((await look())?.server.pid)
            await sleep(random.int(1500))
          }
          await sleep(random.int(800))
          await server.command(['restart'], { timeoutMs: 60_000 })
          break
        case 'supervisor':
        case 'all':
          if (kind === 'all') shoot(status?.server.pid)
          await server.kill('SIGKILL')
          await sleep(random.int(300))
          await server.start()
          break
        case 'restart':
          await server.command(['restart'], { timeoutMs: 60_000 })
      }
      if (shot % 10 === 9) options.say(`${shot + 1} shots, ${kept.size} kept, ${figures.byUnderstudy} by the understudy`)
    }
    over = true
    await server.command(['restart'], { timeoutMs: 60_000 })
    await Promise.all(clients)
    const untilMs = Date.now() + 60_000
    while ((await look())?.server.state !== 'serving' && Date.now() < untilMs) await sleep(50)
    figures.kept = kept.size
    const found = await subjectsOf(server, kept)
    for (const id of kept) if (!found.has(id)) figures.lost.push(id)
    for (const [id, times] of found) if (times > 1) figures.doubled.push(id)
    return figures
  } finally {
    await server.stop()
    await server.dispose()
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { shots: { type: 'string', default: '100' }, clients: { type: 'string', default: '8' }, seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) } } })
  console.log(`seed ${values.seed}`)
  const figures = await runShots({ shots: Number(values.shots), clients: Number(values.clients), seed: Number(values.seed), say: (line) => console.log(line) })
  console.log(JSON.stringify({ seed: Number(values.seed), ...figures, lost: figures.lost.length, doubled: figures.doubled.length }, undefined, 1))
  if (figures.lost.length + figures.doubled.length > 0) {
    console.log(`lost: ${figures.lost.slice(0, 20).join(' ')}\ntwice: ${figures.doubled.slice(0, 20).join(' ')}`)
    process.exitCode = 1
  }
}
