// What went out: every submission that was answered with 250 reached the sink whole, at least once, and more
// often only where a crash came between the sink's answer and the server's note of it.
import type { DarumaProcess } from '../harness/daruma-process.ts'
import type { Ledger } from './ledger.ts'
import type { Sink } from './sink.ts'

/** A settlement is a record in the next batch; on a machine this busy it may take so long. */
const SETTLE_MS = 5000
const DRAIN_MS = 120_000

/** Until the queue is empty: what waits for its back-off is told to try again. */
export async function drainQueue(server: DarumaProcess, sink: Sink): Promise<string[]> {
  sink.refuseEvery = 0
  const untilMs = performance.now() + DRAIN_MS
  for (;;) {
    const waiting = await server.json<{ id: string }[]>(['queue', 'list'])
    if (waiting.length === 0) return []
    if (performance.now() > untilMs) return [`${waiting.length} works are still in the queue: ${JSON.stringify(waiting[0])}`]
    await server.command(['queue', 'retry', 'all'])
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

/** `endedMs`: when each life of the server was ended, by its number. */
export function verifyOutbound(ledger: Ledger, sink: Sink, endedMs: ReadonlyMap<number, number>): { findings: string[]; duplicates: number } {
  const findings: string[] = []
  let duplicates = 0
  for (const message of ledger.submitted.values()) {
    const received = sink.received.get(message.id) ?? []
    for (const recipient of message.recipients) {
      const copies = received.filter((copy) => copy.recipient === recipient)
      if (message.acknowledged > 0 && copies.length === 0) findings.push(`LOST: ${message.id} was taken for ${recipient} and never went out`)
      if (copies.some((copy) => copy.sha256 !== message.sha256)) findings.push(`${message.id} did not arrive whole at ${recipient}`)
      let surplus = copies.length - (message.acknowledged + message.uncertain)
      for (const copy of copies.slice(0, -1)) {
        // Sent again because the life in which it went out ended before that was noted.
        const ended = endedMs.get(copy.life)
        if (surplus > 0 && ended !== undefined && ended - copy.atMs < SETTLE_MS) {
          surplus -= 1
          duplicates += 1
        }
      }
      if (surplus > 0) findings.push(`TOO MANY: ${message.id} went out ${copies.length} times to ${recipient} (${message.acknowledged} acknowledged, ${message.uncertain} in flight)`)
    }
  }
  for (const id of sink.received.keys()) if (!ledger.submitted.has(id)) findings.push(`the sink has ${id}, which was never submitted`)
  return { findings, duplicates }
}
