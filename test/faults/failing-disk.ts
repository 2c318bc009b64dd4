// A disk that fails on command under one program: compiles fail-io.c and tells it what shall fail, while the program
// runs. What has failed, and what was tried afterwards, is written down.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export interface Order {
  /** SQLite flushes by fsync, we by fdatasync. `name`: rename, unlink, mkdir. `change`: all but reading. */
  calls: 'sync' | 'write' | 'read' | 'name' | 'change' | 'fsync' | 'fdatasync' | 'rename' | 'unlink' | 'pwritev'
  /** What the path contains; with "$" at its end: what it ends with. */
  path: string
  /** The first call that fails, counted from the order on. */
  nth?: number
  how?: 'eio' | 'enospc' | 'short' | 'kill' | 'kill-after' | 'count'
  /** How many calls fail; 0 for all from then on. */
  times?: number
}

let compiled: string | undefined

function library(): string {
  if (compiled !== undefined) return compiled
  const folder = mkdtempSync(join(tmpdir(), 'daruma-fail-io-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const made = join(folder, 'fail-io.so')
  const done = spawnSync('gcc', ['-O1', '-shared', '-fPIC', '-o', made, join(import.meta.dirname, 'fail-io.c'), '-ldl'], { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`gcc: ${done.stderr}${done.error?.message ?? ''}`)
  compiled = made
  return made
}

export class FailingDisk {
  readonly #file: string
  readonly env: Record<string, string>

  constructor(t: Pick<TestContext, 'after'>) {
    const folder = mkdtempSync(join(tmpdir(), 'daruma-fail-order-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    this.#file = join(folder, 'order')
    this.env = { LD_PRELOAD: library(), FAIL_IO_ORDER: this.#file }
  }

  order({ calls, path, nth = 1, how = 'eio', times = 1 }: Order): void {
    rmSync(`${this.#file}.log`, { force: true })
    writeFileSync(`${this.#file}.new`, `${calls} ${path} ${nth} ${how} ${times}\n`)
    renameSync(`${this.#file}.new`, this.#file)
  }

  /** All is well again. */
  mend(): void {
    rmSync(this.#file, { force: true })
  }

  /** Matching calls from the first that failed: ["failed pwritev /…/1.seg", "passed …"]. */
  tried(): string[] {
    return this.#log().map((line) => line.slice(0, line.lastIndexOf(' ')))
  }

  /** When the first call failed, by the wall clock; undefined when none has. */
  failedAtMs(): number | undefined {
    const line = this.#log().find((found) => found.startsWith('failed '))
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1))
  }

  #log(): string[] {
    return existsSync(`${this.#file}.log`) ? readFileSync(`${this.#file}.log`, 'utf8').trim().split('\n') : []
  }
}
