// The front door of the supervisor: a small process that keeps a server alive. It owns the listening sockets, starts
// the server and the understudy with copies of them, answers its own control socket, and keeps the book of incidents.
// It parses no mail and opens no database; whatever it needs for a moment only is loaded at that moment.
import { join } from 'node:path'
import { nodeDisk } from '../base/disk.ts'
import type { Clock } from '../base/clock.ts'
import { errorSentence, type Parsed } from '../base/errors.ts'
import { readSmallFile } from '../base/files.ts'
import type { Log } from '../base/log.ts'
import { openControlServer, SUPERVISOR_SOCKET } from '../admin/control-server.ts'
import type { ExitCode } from '../admin/office.ts'
import type { Config } from '../config/config.ts'
import type { Announcement } from '../maintenance/maintenance.ts'
import type { Bound } from '../net/bound-socket.ts'
import type { ListenAddress } from '../net/listen-address.ts'
import { readCertificates, type CertificatePair } from '../net/server-contexts.ts'
import type { Hello } from '../server/supervisor-messages.ts'
import { Conductor } from './conductor.ts'
import type { DoorBank } from './door-bank.ts'
import { ServerProcess } from './server-process.ts'
import { createSupervisorOffice, readingSupervisorOperations } from './supervisor-office.ts'
import { Chronicle } from './chronicle.ts'
import { UnderstudyKeeper } from './understudy-keeper.ts'

export interface SuperviseOptions {
  readonly config: Config
  /** The config as it is by now, for what starts later; undefined when it cannot be read. */
  readConfigAgain(): Config | undefined
  readonly bank: DoorBank
  readonly certificates: CertificatePair[] | undefined
  readonly clock: Clock
  readonly log: Log
  readonly version: string
  readonly pid: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** How this process was started; servers are started the same way. */
  readonly program: { readonly execPath: string; readonly execArgv: readonly string[]; readonly main: string; readonly args: readonly string[]; readonly packageFolder: string }
  /** The launcher on the disk, which may be another version by now; for planned restarts. Undefined: there is none. */
  readonly launcher: string | undefined
  readonly events: {
    /** The server serves, for the first time. */
    serving(): void
    /** Somebody answers at the door, for the first time: the server, or the understudy where the server does not come up. */
    answering(): void
    stopping(): void
  }
  /** Files a message with every account; false when no server is there to do it. */
  readonly announce: (announcement: Announcement) => Promise<boolean>
  /** Takes a port for the status page. */
  readonly bind: (address: ListenAddress) => Parsed<Bound>
  /** Aborted when all is to stop. */
  readonly stop: AbortController
  onReload(call: () => void): () => void
  /** SIGUSR2: a planned restart. */
  onRestart(call: () => void): () => void
  /** A second wish to stop: nobody is waited for. */
  onAbandon(call: () => void): void
}

export async function superviseServer(options: SuperviseOptions): Promise<ExitCode> {
  const { config, bank, clock, log, stop, program } = options
  const env = environmentOfChildren(options.env)
  const chronicle = Chronicle.open({ config, clock, log, bind: options.bind, announce: options.announce })

  const startServer = (as: Pick<Hello, 'role' | 'isFirst' | 'check'>): ServerProcess => {
    const { stdio, sockets } = bank.forServer()
    const fromDisk = as.role === 'successor' && options.launcher !== undefined
    return new ServerProcess({
      command: fromDisk ? (options.launcher as string) : program.execPath,
      args: fromDisk ? program.args : [...program.execArgv, program.main, ...program.args],
      env: { ...env, DARUMA_SUPERVISED: '1' },
      fds: stdio, clock,
      hello: { t: 'hello', ...as, sockets, certificates: options.certificates },
      stuckMs: config.limits.server_stuck_ms,
      onStopWished: () => stop.abort(),
      onFacts: (facts) => chronicle.serverFacts(facts),
    })
  }

  const understudy: UnderstudyKeeper = new UnderstudyKeeper({
    clock, log,
    launch() {
      const now = options.readConfigAgain() ?? config
      const { stdio, doors } = bank.forUnderstudy()
      return {
        child: {
          command: program.execPath,
          args: [...program.execArgv, join(program.packageFolder, 'src/supervisor/understudy/understudy-process.ts')],
          env, fds: stdio, clock,
        },
        start: {
          t: 'start', intake: now.intake.directory, segmentSizeOctets: now.journal.segmentSizeOctets, doors,
          certificates: certificatesNow(now) ?? options.certificates ?? [],
          hostname: now.hostname, version: options.version, logLevel: now.log.level, limits: now.limits, proxies: [...now.proxy.networks],
          ...chronicle.understudyMode(),
        },
      }
    },
    onChange() {
      if (understudy.state === 'taking') options.events.answering()
      chronicle.changed()
    },
    onDeath: () => chronicle.understudyDied(),
  })

  const conductor = new Conductor({
    clock, log, startServer, understudy,
    graceMs: () => (options.readConfigAgain() ?? config).limits.leave_grace_ms,
    diedApplying: () => diedApplying(config.data),
    happenings: {
      ready(_server, isFirst) {
        chronicle.ready()
        if (!isFirst) return
        options.events.serving()
        options.events.answering()
      },
      hung: (server) => chronicle.hung(server.pid),
      died: (end, death, next) => chronicle.died(end, death, next),
      cannotDie: (pid) => chronicle.cannotDie(pid),
      changed: () => chronicle.changed(),
    },
  })
  chronicle.watch({ conductor, understudy })

  const reread = () => {
    const now = options.readConfigAgain()
    if (now) chronicle.reconfigure(now)
  }
  const office = createSupervisorOffice({ conductor, understudy, chronicle, stop, reread, clock, pid: options.pid, version: options.version })
  const control = await openControlServer({
    path: join(config.data, SUPERVISOR_SOCKET), perform: office, reads: readingSupervisorOperations, clock, log,
  })
  const stopHearing = options.onReload(() => {
    conductor.reload()
    reread()
  })
  const stopHearingRestart = options.onRestart(() => void conductor.restart().then((answer) => {
    if (!answer.ok) log.error('the planned restart was not made', { reason: answer.reason.en })
  }))
  options.onAbandon(() => conductor.abandon())
  const stopped = new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => {
    options.events.stopping()
    conductor.stop().then(resolve, (error: unknown) => {
      log.error('stopping was not clean', { error: errorSentence(error) })
      resolve()
    })
  }, { once: true }))
  try {
    const exit = await conductor.run()
    if (stop.signal.aborted) await stopped
    return exit
  } finally {
    stopHearing()
    stopHearingRestart()
    await control.close()
    chronicle.close()
    bank.close()
  }
}

/** What the service manager said to us is not for the children. */
function environmentOfChildren(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  const { NOTIFY_SOCKET: _1, WATCHDOG_USEC: _2, WATCHDOG_PID: _3, LISTEN_FDS: _4, LISTEN_PID: _5, LISTEN_FDNAMES: _6, ...rest } = env
  return rest
}

/** Those that the server uses at this moment. */
function certificatesNow(config: Config): CertificatePair[] | undefined {
  const folder = join(config.data, 'tls')
  const files = config.tls ?? { certificate: join(folder, 'self-signed.crt'), key: join(folder, 'self-signed.key') }
  const read = readCertificates(nodeDisk, [files])
  return read.ok ? read.value : undefined
}

/** The note of store/apply/apply-note.ts: which record was being applied. */
function diedApplying(data: string): boolean {
  const note = readSmallFile(join(data, 'applying.note'))
  if (!note.ok) return false
  try {
    const value: unknown = JSON.parse(Buffer.from(note.value).toString('utf8'))
    return typeof value === 'object' && value !== null && 'applying' in value && value.applying !== null
  } catch {
    return false
  }
}
