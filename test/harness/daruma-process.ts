// Daruma as a user runs it: the real launcher, a data directory of its own, ports that the system chooses.
// Whatever is started here is ended here.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { attempt, endWithUs, type Ended, type ProgramOptions } from './program.ts'
import { RawImap } from './raw-imap.ts'

export const projectRoot = resolve(import.meta.dirname, '../..')
export const launcher = join(projectRoot, 'bin/daruma')

export interface DarumaOptions {
  /** Made and removed when not given. */
  data?: string
  /** Further lines of daruma.toml. */
  config?: string
  domain?: string
  /** Where every door listens; 127.0.0.1 when not given. Several servers with one port need several. */
  host?: string
  env?: Record<string, string>
  /** Extra arguments of `serve`. */
  args?: string[]
  /** Under a supervisor, as people run it; without, the process that is started is the server itself. */
  supervised?: boolean
}

export interface Ports {
  smtp: number
  submission: number
  submissions: number
  imap: number
  imaps: number
}

export class DarumaProcess {
  readonly data: string
  readonly domain: string
  readonly host: string
  readonly #ownsData: boolean
  readonly #configFile: string
  readonly #options: DarumaOptions
  #config: string
  /** The ports that stand in the config; 0 takes a free one. */
  #written: Ports = { smtp: 0, submission: 0, submissions: 0, imap: 0, imaps: 0 }
  #child: ChildProcess | undefined
  #exit: Promise<number | string> | undefined
  stderr = ''
  ports: Ports = { smtp: 0, submission: 0, submissions: 0, imap: 0, imaps: 0 }

  constructor(options: DarumaOptions = {}) {
    this.#options = options
    this.#ownsData = options.data === undefined
    this.data = options.data ?? mkdtempSync(join(tmpdir(), 'daruma-test-'))
    this.domain = options.domain ?? 'test.example'
    this.host = options.host ?? '127.0.0.1'
    this.#config = options.config ?? ''
    this.#configFile = join(this.data, '..', `${this.data.split('/').at(-1)}.toml`)
    this.#writeConfig()
  }

  get configFile(): string {
    return this.#configFile
  }

  #writeConfig(): void {
    const at = (door: keyof Ports) => `${this.host}:${this.#written[door]}`
    writeFileSync(this.#configFile, `
hostname = "mail.${this.domain}"
data = "${this.data}"
${this.#config.replace(/^\[[\s\S]*$/m, '')}
[listen]
smtp = "${at('smtp')}"
submission = "${at('submission')}"
submissions = "${at('submissions')}"
imap = "${at('imap')}"
imaps = "${at('imaps')}"
[security]
plaintext_login = "loopback"
${/^\[[\s\S]*$/m.exec(this.#config)?.[0] ?? ''}
`)
  }

  /** Starts the server and waits until every listener answers. */
  async start(): Promise<void> {
    const portsFile = join(this.data, 'ports.json')
    rmSync(portsFile, { force: true })
    this.stderr = ''
    const child = spawn(launcher, ['serve', '--config', this.#configFile, ...(this.#options.supervised ? [] : ['--alone']), ...(this.#options.args ?? [])], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#options.env },
    })
    this.#child = child
    endWithUs(child)
    child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString('utf8')).slice(-200_000)
    })
    child.stdout?.resume()
    this.#exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal ?? 'gone')))
    const untilMs = Date.now() + 30_000
    let ended: number | string | undefined
    void this.#exit.then((how) => (ended = how))
    while (!existsSync(portsFile)) {
      if (ended !== undefined) throw new Error(`daruma ended with ${ended} before it listened:\n${this.stderr}`)
      if (Date.now() > untilMs) throw new Error(`daruma did not listen within 30 s:\n${this.stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    this.ports = readPorts(portsFile)
  }

  /** Ports before the first start, where a test must know them. */
  choosePorts(ports: Partial<Ports>): void {
    this.#written = { ...this.#written, ...ports }
    this.#writeConfig()
  }

  /** Other further lines of daruma.toml; a running server takes them at the next reload. */
  changeConfig(config: string): void {
    this.#config = config
    this.#writeConfig()
  }

  /** The certificate that clients may be told to trust. */
  get certificateFile(): string {
    return join(this.data, 'tls/self-signed.crt')
  }

  /** The same ports at the next start, as a real server has them. */
  keepPorts(): void {
    this.#written = { ...this.ports }
    this.#writeConfig()
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Resolves with the exit code, or the signal's name. */
  exited(): Promise<number | string> {
    return this.#exit ?? Promise.resolve('never started')
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | string> {
    this.#child?.kill(signal)
    return this.exited()
  }

  stop(): Promise<number | string> {
    return this.kill('SIGTERM')
  }

  /** Runs a command of the launcher; throws when it does not end with 0. */
  run(args: readonly string[], options: { input?: string; exit?: number } = {}): string {
    const done = spawnSync(launcher, [...args, '--config', this.#configFile], { encoding: 'utf8', input: options.input ?? '', timeout: 60_000 })
    if (done.status !== (options.exit ?? 0)) throw new Error(`daruma ${args.join(' ')} ended with ${done.status}:\n${done.stdout}${done.stderr}`)
    return done.stdout
  }

  /** The same beside this process, whatever it ends with. */
  command(args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
    return attempt(launcher, [...args, '--config', this.#configFile], options)
  }

  /** What a command prints with --json. */
  async json<T>(args: readonly string[]): Promise<T> {
    const ended = await this.command([...args, '--json'])
    if (ended.code !== 0) throw new Error(`daruma ${args.join(' ')} ended with ${ended.code}:\n${ended.stdout}${ended.stderr}`)
    return JSON.parse(ended.stdout) as T
  }

  /** Logged in. */
  async imap(address: string, password: string): Promise<RawImap> {
    const client = await RawImap.open({ port: this.ports.imap, host: this.host })
    const answer = await client.login(address, password)
    if (answer.status !== 'OK') throw new Error(`no login as ${address}: ${answer.text}`)
    return client
  }

  addAccount(address: string, password: string): void {
    this.run(['account', 'add', address, '--password-stdin'], { input: `${password}\n` })
  }

  async dispose(): Promise<void> {
    if (this.#child && this.#child.exitCode === null && this.#child.signalCode === null) await this.kill()
    if (this.#ownsData) rmSync(this.data, { recursive: true, force: true })
    rmSync(this.#configFile, { force: true })
  }
}

/** A server with accounts (name → password), ended when the test is. */
export async function startDaruma(t: TestContext, options: DarumaOptions & { accounts?: Record<string, string> } = {}): Promise<DarumaProcess> {
  const server = new DarumaProcess(options)
  t.after(() => server.dispose())
  await server.start()
  for (const [name, password] of Object.entries(options.accounts ?? {})) server.addAccount(`${name}@${server.domain}`, password)
  return server
}

/** `ports.json` names each door with an address, a port, or a list of them. */
export function readPorts(file: string): Ports {
  const found = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  const portOf = (value: unknown): number => {
    if (typeof value === 'number') return value
    if (typeof value === 'string') return Number(value.slice(value.lastIndexOf(':') + 1))
    if (Array.isArray(value)) return portOf(value[0])
    if (typeof value === 'object' && value !== null && 'port' in value) return portOf(value.port)
    return 0
  }
  return {
    smtp: portOf(found['smtp']), submission: portOf(found['submission']), submissions: portOf(found['submissions']),
    imap: portOf(found['imap']), imaps: portOf(found['imaps']),
  }
}
