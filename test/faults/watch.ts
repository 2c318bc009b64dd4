// What a hostile input must not do to the server: hold up others, take its memory.
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { DarumaProcess } from '../harness/daruma-process.ts'

export class NoopWatch {
  readonly #worker: Worker
  private constructor(worker: Worker) {
    this.#worker = worker
  }

  static async open(server: DarumaProcess, user: string, password: string): Promise<NoopWatch> {
    const worker = new Worker(new URL('./noop-watch.worker.ts', import.meta.url), { workerData: { port: server.ports.imap, user, password } })
    const watch = new NoopWatch(worker)
    await watch.#next()
    return watch
  }

  #next(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(error)
      this.#worker.once('error', fail)
      this.#worker.once('message', (message) => {
        this.#worker.off('error', fail)
        resolve(message)
      })
    })
  }

  /** The longest NOOP since it was asked last. */
  async longestMs(): Promise<number> {
    const answer = this.#next()
    this.#worker.postMessage('tell')
    return (await answer) as number
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#worker.once('exit', resolve))
    this.#worker.postMessage('end')
    await gone
  }
}

/** Resident octets of the process. */
export function residentOctets(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  if (kib === undefined) throw new Error(`no memory of process ${pid}`)
  return Number(kib) * 1024
}

/** The most that the process has while `work` runs, looked at every 10 ms. */
export async function peakOctets<T>(pid: number, work: () => Promise<T>): Promise<{ peak: number; value: T }> {
  let peak = residentOctets(pid)
  const look = setInterval(() => (peak = Math.max(peak, residentOctets(pid))), 10)
  try {
    const value = await work()
    return { peak: Math.max(peak, residentOctets(pid)), value }
  } finally {
    clearInterval(look)
  }
}
