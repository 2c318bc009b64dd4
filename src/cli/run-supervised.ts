// Runs a server under its supervisor, which is this process: takes the ports (as root, if need be), gives up root's
// rights, and keeps a server alive until it is told to stop.
import { join } from 'node:path'
import { nodeDisk } from '../base/disk.ts'
import { createLog } from '../base/log.ts'
import { CONTROL_SOCKET, EXIT, SUPERVISOR_SOCKET, type ExitCode, type ListenerFacts } from '../admin/admin.ts'
import { doorNames, type LoadedConfig } from '../config/config.ts'
import { dropRights } from '../server/drop-rights.ts'
import { bindSocket } from '../net/bound-socket.ts'
import { type ListenAddress, printListenAddress } from '../net/listen-address.ts'
import { readCertificates } from '../net/server-contexts.ts'
import { DoorBank } from '../supervisor/door-bank.ts'
import { superviseServer } from '../supervisor/supervisor.ts'
import { type Context, sayTrouble } from './command.ts'
import { askServer } from './control-client.ts'
import { loadConfig } from './load-config.ts'
import { removeRunFiles, writeRunFiles } from './run-files.ts'
import { prepareData, startRefused } from './prepare-start.ts'
import { inheritedSockets, serviceManager } from './systemd.ts'
import { version } from './version.ts'

/** A supervisor that was killed leaves a server that ends on the spot; its ports are free a moment later. */
const PORTS_FREE_MS = 5000
const PORTS_STEP_MS = 100

export async function runSupervised(context: Context, loaded: LoadedConfig): Promise<ExitCode> {
  const { config } = loaded
  const { clock } = context
  const logging = { clock, level: config.log.level, sink: (line: string) => context.err(line) }
  const log = createLog(logging, { process: 'supervisor' })
  const stop = new AbortController()
  let abandon = () => {}
  const onSignal = () => {
    if (stop.signal.aborted) {
      abandon()
      context.exitNow(EXIT.failed)
    }
    stop.abort()
  }
  const cancels = [context.onSignal('SIGTERM', onSignal), context.onSignal('SIGINT', onSignal)]
  // Before there is anything to reload or restart, these must not be the end of the process.
  for (const signal of ['SIGHUP', 'SIGUSR2'] as const) cancels.push(context.onSignal(signal, () => undefined))
  const prepared = prepareData(loaded)
  if (prepared) return startRefused(context, loaded, prepared)
  // Two on one data directory would take each other's control socket and books; the lock is the server's, and comes later.
  const other = await askServer(join(config.data, SUPERVISOR_SOCKET), 'supervisor-status', {}).catch(() => undefined)
  if (other?.at === 'answered') return startRefused(context, loaded, { ok: false, code: 'already-owned', reason: '' })
  const inherited = inheritedSockets(context.env, context.pid)
  if (inherited.length === 0 && doorNames.every((door) => config.listen[door].length === 0)) {
    sayTrouble(context, context.say.nothingListens)
    return EXIT.config
  }
  const untilMs = clock.monotonicMs() + PORTS_FREE_MS
  let bank = DoorBank.open(config, inherited)
  while (!bank.ok && bank.code === 'port-taken' && clock.monotonicMs() < untilMs && !stop.signal.aborted && nodeDisk.exists(join(config.data, 'daruma.pid'))) {
    await clock.sleep(PORTS_STEP_MS)
    bank = DoorBank.open(config, inherited)
  }
  if (!bank.ok) return startRefused(context, loaded, bank)
  const certificates = config.tls ? readCertificates(nodeDisk, [config.tls]) : undefined
  if (certificates && !certificates.ok) return startRefused(context, loaded, { ...certificates, code: 'bad-certificate' })
  // Port 80 is root's, too.
  const statusPorts = new Map(config.status.listen.filter(({ port }) => port > 0 && port < 1024).map(({ host, port }) => {
    const address: ListenAddress = { host, port, family: host.includes(':') ? 6 : 4 }
    return [printListenAddress(address), bindSocket(address)] as const
  }))
  const dropped = dropRights(config)
  if (!dropped.ok) return startRefused(context, loaded, dropped)

  const { doors } = bank.value
  const manager = serviceManager(context.env, clock)
  let isAnswering = false
  let hasRunFiles = false
  log.info('the supervisor starts', { version, data: config.data, hostname: config.hostname, pid: context.pid })
  try {
    const exit = await superviseServer({
      config, bank: bank.value, certificates: certificates?.value, clock, log, version, pid: context.pid, env: context.env, stop,
      readConfigAgain() {
        const read = loadConfig({ ...context, err: () => {} })
        if (read.ok) logging.level = read.loaded.config.log.level
        return read.ok ? read.loaded.config : undefined
      },
      program: { ...context.program, packageFolder: context.packageFolder },
      launcher: nodeDisk.exists(join(context.packageFolder, 'bin/daruma')) ? join(context.packageFolder, 'bin/daruma') : undefined,
      events: {
        serving() {
          const listeners = doors.map(({ door, place }): ListenerFacts => ({ door, address: place?.address ?? 'inherited', port: place?.port ?? 0, tls: door.endsWith('s') }))
          writeRunFiles(config.data, context.pid, listeners)
          hasRunFiles = true
        },
        answering() {
          if (isAnswering) return
          isAnswering = true
          manager.ready()
          // That this process still turns is what the service manager watches; it watches all others.
          manager.startWatchdog(() => true)
        },
        stopping: () => manager.stopping(),
      },
      async announce(announcement) {
        const asked = await askServer(join(config.data, CONTROL_SOCKET), 'announce', announcement)
        return asked.at === 'answered' && asked.answer.ok
      },
      bind: (address) => statusPorts.get(printListenAddress(address)) ?? bindSocket(address),
      onReload: (call) => context.onSignal('SIGHUP', call),
      onRestart: (call) => context.onSignal('SIGUSR2', call),
      onAbandon: (call) => void (abandon = call),
    })
    // Those of a server that was there before stay.
    if (hasRunFiles) removeRunFiles(config.data)
    log.info('the supervisor has ended', { exit })
    return exit
  } finally {
    for (const cancel of cancels) cancel()
    manager.close()
  }
}
