// Other people's programs, run to their end with a time limit; and the word for skipping where one is missing.
import { spawn, type ChildProcess } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'

export interface Ended {
  /** Exit code, or the name of the signal that ended it. */
  code: number | string
  stdout: string
  stderr: string
}

export interface ProgramOptions {
  input?: string | Uint8Array
  env?: Record<string, string>
  folder?: string
  timeoutMs?: number
}

export function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** For the `skip` of a test: which of the programs are not installed, or false. */
export function missing(...programs: string[]): string | false {
  const absent = programs.filter((program) => !onPath(program))
  return absent.length > 0 && `not installed: ${absent.join(', ')}`
}

/** Runs it beside this process (servers made by the test go on answering) and resolves however it ended. */
export function attempt(program: string, args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  const child = spawn(program, args, {
    stdio: 'pipe', cwd: options.folder, env: { ...process.env, ...options.env },
    timeout: options.timeoutMs ?? 60_000, killSignal: 'SIGKILL',
  })
  endWithUs(child)
  const heard = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  child.stdout.on('data', (chunk: Buffer) => heard.stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => heard.stderr.push(chunk))
  // A program may end without reading all of its input.
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({
      code: code ?? signal ?? 'gone', stdout: Buffer.concat(heard.stdout).toString('utf8'), stderr: Buffer.concat(heard.stderr).toString('utf8'),
    }))
  })
}

/** The same, for programs that must succeed. */
export async function run(program: string, args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  const ended = await attempt(program, args, options)
  if (ended.code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${ended.code}:\n${ended.stdout}${ended.stderr}`)
  return ended
}

/** Should this process end before its children, they end with it: no test leaves a server behind. */
export function endWithUs(child: ChildProcess): void {
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  child.once('exit', () => process.off('exit', end))
}

/** A folder that goes when the test does. */
export function scratchFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'daruma-journey-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Messages that others collected: $DARUMA_SUITES, or the folder beside the project's. */
export const suitesFolder = process.env['DARUMA_SUITES'] ?? resolve(import.meta.dirname, '../../../shared/suites')
