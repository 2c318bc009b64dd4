// Runs a server from start to end: builds it, opens the control socket, writes where it is, then waits
// for a signal, a "stop" or its own failure.
//
//   starting ──ready──▶ running ──SIGTERM, SIGINT, stop──▶ stopping ──▶ exit 0
//      │                  │ └─SIGHUP, reload─▶ running        └─second signal─▶ exit 1
//      └─refused─▶ exit   └─failed (a write that failed)─▶ exit 74, nothing more is written
import { join } from 'node:path'
import { sameText } from '../base/language.ts'
import { type Log, createLog } from '../base/log.ts'
import { isRoot } from '../base/run-as.ts'
import { type Answer, type ExitCode, type ListenerFacts, type Office, type ReloadReport, CONTROL_SOCKET, EXIT, done, openControlServer, perform, readingOperations, refusalOf, refused } from '../admin/admin.ts'
import { type LoadedConfig, doorNames } from '../config/config.ts'
import { planReload } from '../config/reload-plan.ts'
import { type Context, sayTrouble } from './command.ts'
import { catalogue } from './language.ts'
import { loadConfig } from './load-config.ts'
import { removeRunFiles, writeRunFiles } from './run-files.ts'
import type { ServeOptions, Server } from '../server/server-interface.ts'
import type { SupervisorLink } from '../server/supervisor-link.ts'
import type { Goodbye, ServerFacts } from '../server/supervisor-messages.ts'
import { inheritedSockets, serviceManager } from './systemd.ts'
import { prepareData, startRefused } from './prepare-start.ts'
import { version } from './version.ts'

export interface RunOptions {
  readonly loaded: LoadedConfig
  readonly acceptLoss: boolean
  /** Undefined when nobody watches over this process. */
  readonly link?: SupervisorLink
  /** Called when everything listens and before anybody is told so. */
  whenUp(office: Office, listeners: readonly ListenerFacts[]): Promise<void>
}

export async function runServer(context: Context, options: RunOptions): Promise<ExitCode> {
  const { config } = options.loaded
  const { say, clock } = context
  const logging = { clock, level: config.log.level, sink: (line: string) => context.err(line) }
  const log = createLog(logging)
  const stop = new AbortController()
  const stopListening = listenForStop(context, stop, options.link)
  // Before there is anything to reload, SIGHUP must not be the end of the process.
  const stopIgnoring = context.onSignal('SIGHUP', () => undefined)
  try {
    const prepared = prepareData(options.loaded)
    if (prepared) return startRefused(context, options.loaded, prepared)
    const { link } = options
    const inherited = link ? link.hello.sockets : inheritedSockets(context.env, context.pid)
    if (inherited.length === 0 && doorNames.every((door) => config.listen[door].length === 0)) {
      sayTrouble(context, say.nothingListens)
      return EXIT.config
    }
    log.info('starting', { version, data: config.data, hostname: config.hostname, pid: context.pid })
    const builder = await context.builder()
    const server = await builder.serve(config, { clock, random: context.random, log, version, inherited, acceptLoss: options.acceptLoss, signal: stop.signal, ...successionOf(link) })
    if (!server.ok) return stop.signal.aborted ? EXIT.done : startRefused(context, options.loaded, server)
    return await untilEnd(context, options, server.value, { log, stop, onReloaded: (loaded) => void (logging.level = loaded.config.log.level) })
  } catch (error) {
    if (stop.signal.aborted) return EXIT.done
    const refusal = refusalOf(error)
    log.error('cannot go on', { reason: refusal.reason.en })
    sayTrouble(context, say.startFailed(refusal.reason[context.language]))
    return refusal.exit
  } finally {
    stopListening()
    stopIgnoring()
  }
}

function successionOf(link: SupervisorLink | undefined): Pick<ServeOptions, 'succession' | 'certificates' | 'check'> {
  const { succession, hello } = link ?? {}
  return { ...(succession ? { succession } : {}), ...(hello ? { check: hello.check } : {}), ...(hello?.certificates ? { certificates: hello.certificates } : {}) }
}

async function untilEnd(context: Context, options: RunOptions, server: Server, life: { log: Log; stop: AbortController; onReloaded: (loaded: LoadedConfig) => void }): Promise<ExitCode> {
  const { clock } = context
  const { log, stop } = life
  const { data, hostname } = options.loaded.config
  const { link } = options
  const manager = link ? undefined : serviceManager(context.env, clock)
  let current = options.loaded
  const reload = async (): Promise<Answer<ReloadReport>> => {
    const outcome = await reloadOnce(context, server, current)
    if (outcome.loaded) {
      current = outcome.loaded
      life.onReloaded(current)
    }
    reportReload(log, outcome.answer)
    return outcome.answer
  }
  const office: Office = {
    ...server.office,
    server: {
      version, pid: context.pid, hostname, data, startedMs: clock.nowMs(),
      listeners: () => server.listeners,
      members: () => server.facts().members,
      reload,
      stop: () => (link ? link.wishStop() : stop.abort()),
    },
  }
  const control = await openControlServer({ path: join(data, CONTROL_SOCKET), perform: (command, args) => perform(office, command, args), reads: readingOperations, clock, log })
  const stopHearing = context.onSignal('SIGHUP', () => void reload())
  let goodbye: Goodbye | undefined
  if (link) {
    link.facts = () => factsOf(server)
    link.listen({
      stop(words) {
        goodbye = words
        stop.abort()
      },
      reload: () => void reload(), adopt: () => server.adopt() })
  }
  try {
    if (!link) writeRunFiles(data, context.pid, server.listeners)
    warnings(current, log)
    await options.whenUp(office, server.listeners)
    log.info('ready', { listeners: server.listeners.map((at) => `${at.door} ${at.address}:${at.port}`) })
    link?.ready()
    manager?.ready()
    manager?.startWatchdog(() => server.healthy())
    const stopped = new Promise<'stop'>((resolve) => {
      if (stop.signal.aborted) resolve('stop')
      stop.signal.addEventListener('abort', () => resolve('stop'), { once: true })
    })
    const end = await Promise.race([stopped, server.failed])
    if (end !== 'stop') {
      log.error('failed: ending at once, nothing more is acknowledged', { reason: end.reason })
      sayTrouble(context, end.reason)
      return end.exit
    }
    log.info('stopping')
    manager?.stopping()
    await server.stop(() => link?.closed(), goodbye)
    // Last, so that "daruma status" answers for as long as there is something to say.
    await control.close()
    if (!link) removeRunFiles(data)
    log.info('stopped')
    return EXIT.done
  } finally {
    control.abandon()
    stopHearing()
    manager?.close()
  }
}

function factsOf(server: Server): ServerFacts {
  return { healthy: server.healthy(), ...server.facts() }
}

/** A second signal ends the process without waiting: the journal is made for that. */
function listenForStop(context: Context, stop: AbortController, link: SupervisorLink | undefined): () => void {
  const onSignal = () => {
    if (stop.signal.aborted) context.exitNow(EXIT.failed)
    stop.abort()
  }
  // A terminal sends SIGINT to all processes at once; under a supervisor it is that one's business.
  const cancels = [context.onSignal('SIGTERM', onSignal), context.onSignal('SIGINT', link ? () => undefined : onSignal)]
  return () => cancels.forEach((cancel) => cancel())
}

function warnings(loaded: LoadedConfig, log: Log): void {
  // Said aloud at each start: an operator should know that passwords may cross the loopback in the clear.
  if (loaded.config.security.plaintextLogin === 'loopback') log.warn(catalogue('en').plaintextLoginAllowed)
  if (isRoot() && loaded.config.file !== undefined) log.warn(catalogue('en').runsAsRoot)
}

async function reloadOnce(context: Context, server: Server, current: LoadedConfig): Promise<{ answer: Answer<ReloadReport>; loaded?: LoadedConfig }> {
  try {
    const problems: string[] = []
    const read = loadConfig({ ...context, err: (words) => problems.push(words.trim()) })
    if (!read.ok) return { answer: refused('config', sameText(problems.join('\n')), EXIT.config) }
    const plan = planReload(current, read.loaded)
    const taken = await server.reload(plan.next.config)
    if (!taken.ok) return { answer: refused(taken.code, sameText(taken.reason), EXIT.config) }
    return { answer: done({ changed: plan.changed, needRestart: plan.needRestart }), loaded: plan.next }
  } catch (error) {
    return { answer: refusalOf(error) }
  }
}

function reportReload(log: Log, answer: Answer<ReloadReport>): void {
  if (!answer.ok) log.error('config not reloaded, the old one stays', { reason: answer.reason.en })
  else log.info('config reloaded', { changed: answer.result.changed, need_restart: answer.result.needRestart })
}
