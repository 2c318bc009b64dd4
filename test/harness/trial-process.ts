// Trial mode as a newcomer runs it: by the launcher or by `npm start`, without any config, on free ports.
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launcher, projectRoot, readPorts, type Ports } from './daruma-process.ts'
import { attempt, endWithUs, type Ended, type ProgramOptions } from './program.ts'
import { until } from './until.ts'

export const freePorts = ['smtp', 'submission', 'submissions', 'imap', 'imaps'].flatMap((door) => ['--listen', `${door}=127.0.0.1:0`])

export interface TrialOptions {
  data?: string
  env?: Record<string, string>
  /** In place of `--listen door=127.0.0.1:0` for every door. */
  args?: readonly string[]
  by?: 'launcher' | 'npm'
}

export class TrialProcess {
  readonly data: string
  readonly #child: ChildProcess
  readonly #ownsData: boolean
  readonly #env: Record<string, string>
  readonly #exit: Promise<number | string>
  stdout = ''
  stderr = ''
  ports: Ports = { smtp: 0, submission: 0, submissions: 0, imap: 0, imaps: 0 }
  address = ''
  password = ''

  private constructor(options: TrialOptions) {
    this.#ownsData = options.data === undefined
    this.data = options.data ?? mkdtempSync(join(tmpdir(), 'daruma-trial-'))
    rmSync(join(this.data, 'ports.json'), { force: true })
    this.#env = { DARUMA_DATA: this.data, LANG: 'C', LC_ALL: '', LC_MESSAGES: '', ...options.env }
    const args = options.args ?? freePorts
    // A process group of its own, so that nothing of it can be left over.
    const child = options.by === 'npm'
      ? spawn('npm', ['start', '--', ...args], { cwd: projectRoot, env: { ...process.env, ...this.#env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
      : spawn(launcher, ['trial', ...args], { env: { ...process.env, ...this.#env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    child.stdout.on('data', (chunk: Buffer) => (this.stdout += chunk.toString('utf8')))
    child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString('utf8')))
    this.#child = child
    endWithUs(child)
    this.#exit = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal ?? 'gone')))
  }

  /** Resolves when the screen has been shown. */
  static async start(options: TrialOptions = {}): Promise<TrialProcess> {
    const trial = new TrialProcess(options)
    let ended: number | string | undefined
    void trial.#exit.then((how) => (ended = how))
    try {
      await until('the trial server to listen', () => {
        if (ended !== undefined) return true
        return existsSync(join(trial.data, 'ports.json')) && existsSync(join(trial.data, 'trial.txt')) && /\n\n[^\n]*\n[^\n]*\n\n$/.test(trial.stdout)
      }, 30_000)
      if (ended !== undefined) throw new Error(`the trial server ended with ${ended}:\n${trial.stderr}`)
      trial.ports = readPorts(join(trial.data, 'ports.json'))
      const text = readFileSync(join(trial.data, 'trial.txt'), 'utf8')
      trial.address = /^address: (.+)$/m.exec(text)?.[1] ?? ''
      trial.password = /^password: (.+)$/m.exec(text)?.[1] ?? ''
      return trial
    } catch (error) {
      await trial.dispose()
      throw error
    }
  }

  /** Process id of what was started: the server itself, or npm. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  exited(): Promise<number | string> {
    return this.#exit
  }

  /** A command on this server's data, as a newcomer types it. */
  command(args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
    return attempt(launcher, args, { ...options, env: { ...this.#env, ...options.env } })
  }

  async dispose(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      try {
        process.kill(-this.pid, 'SIGKILL')
      } catch {
        // It has just gone by itself.
      }
      await this.#exit
    }
    if (this.#ownsData) rmSync(this.data, { recursive: true, force: true })
  }
}
