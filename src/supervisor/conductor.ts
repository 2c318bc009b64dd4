// Keeps the server alive. One loop owns it:
//
//   start ─ready─▶ serving ─ends─▶ why?
//     ▲                             ├─ we are stopping: done
//     │                             ├─ a successor stands ready: it takes over
//     │                             ├─ maintenance: wait for its end
//     └──── at once, checked, or ◀──┴─ by itself, killed, or hung: crash-loop.ts decides
//           after a pause
//
// Whenever no server has been ready for a second, the understudy is at the door. The order in a planned restart:
// successor warm → old one told to leave → old one accepts no more → successor accepts and greets → old one ends and
// is reaped → successor takes the data. No port is closed and no two processes own the journal at any moment.
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { EXIT, type Answer, type ExitCode, done, refused } from '../admin/office.ts'
import { text } from '../base/language.ts'
import type { Goodbye } from '../server/supervisor-messages.ts'
import type { ChildEnd } from './child.ts'
import { DEATHS_KEPT, type Death, type NextStep, nextStep } from './crash-loop.ts'
import type { ServerProcess } from './server-process.ts'

/** What the conductor needs of a server process. */
export type Conducted = Pick<ServerProcess, 'pid' | 'isGone' | 'isReady' | 'isLeaving' | 'warm' | 'ready' | 'closed' | 'hung' | 'ended' | 'tell' | 'kill' | 'endsWithin' | 'lifeMs'>

const conductorLimits = {
  /** Without a ready server for so long the understudy is called; at the very first start later. */
  understudy_after_ms: 1000,
  understudy_after_first_ms: 3000,
  /** The understudy's sessions get so long when the server is back. */
  understudy_grace_ms: 5000,
  understudy_short_grace_ms: 1000,
  /** A successor that is not warm by then is given up; the old server goes on. */
  warm_ms: 60_000,
  /** A server that was told to leave ends so long after its own grace (databases are flushed), or is killed. */
  leave_ms: 20_000,
  /** A killed process is reaped by then, or it is in the kernel's hands. */
  reap_ms: 10_000,
} as const

/** Exit codes with which a first start says that the operator has to act: nothing is kept trying. */
const OPERATORS_TROUBLE: ReadonlySet<number> = new Set([EXIT.usage, EXIT.unavailable, EXIT.tryAgain, EXIT.config])

export type ServerState = 'starting' | 'serving' | 'restarting' | 'hung' | 'down' | 'maintenance' | 'stopping'

export interface ConductorOptions {
  readonly clock: Clock
  readonly log: Log
  startServer(as: { role: 'first' | 'successor'; isFirst: boolean; check: 'none' | 'quick' }): Conducted
  readonly understudy: { start(): void; stop(graceMs: number): Promise<void>; readonly state: 'off' | 'starting' | 'taking' }
  /** Was the server that has just died applying one certain record? */
  diedApplying(): boolean
  readonly happenings: Happenings
  /** What a leaving server gives its sessions. */
  graceMs(): number
}

/** What is told to whoever writes it down. */
export interface Happenings {
  ready(server: Conducted, isFirst: boolean): void
  hung(server: Conducted): void
  died(end: ChildEnd, death: Death, next: NextStep): void
  /** It was killed and has not gone. */
  cannotDie(pid: number): void
  changed(): void
}

export class Conductor {
  readonly #options: ConductorOptions
  #server: Conducted | undefined
  #successor: Conducted | undefined
  #restarting = false
  #state: ServerState = 'starting'
  #stopping = false
  #everReady = false
  readonly #deaths: Death[] = []
  restarts = 0
  #maintenance: { over: PromiseWithResolvers<void> } | undefined
  #cancelCall: () => void = () => {}
  /** Cuts a pause short. */
  #hurry: () => void = () => {}
  #kick = Promise.withResolvers<void>()

  constructor(options: ConductorOptions) {
    this.#options = options
  }

  get state(): ServerState {
    return this.#state
  }
  get server(): Conducted | undefined {
    return this.#server
  }

  /** Resolves with the exit code of the whole when it is over. */
  async run(): Promise<ExitCode> {
    // A window that ran when the supervisor before this one ended goes on.
    if (this.#maintenance) await this.#maintenance.over.promise
    if (this.#stopping) return EXIT.done
    this.#callUnderstudy(conductorLimits.understudy_after_first_ms)
    let server = this.#start('none')
    for (;;) {
      const isFirst = !this.#everReady
      if (await this.#becomesReady(server)) await this.#onReady(server, isFirst)
      const end = await this.#untilItEnds(server)
      if (this.#stopping) return EXIT.done
      const successor = this.#successor
      this.#successor = undefined
      if (successor && this.#maintenance) await successor.kill(conductorLimits.reap_ms)
      if (successor && !successor.isGone) {
        this.#become('restarting')
        successor.tell({ t: 'accept' })
        successor.tell({ t: 'own' })
        this.#callUnderstudy(conductorLimits.understudy_after_ms)
        server = this.#server = successor
        continue
      }
      if (this.#maintenance) {
        this.#become('maintenance')
        await this.#maintenance.over.promise
        if (this.#stopping) return EXIT.done
        server = this.#start('none')
        continue
      }
      if (server.isLeaving) {
        // It was told to, for a successor that has died: not its fault.
        server = this.#start('none')
        continue
      }
      if (isFirst && !this.#everReady && OPERATORS_TROUBLE.has(end.code ?? -1)) {
        await this.#dismissUnderstudy(0)
        return end.code as ExitCode
      }
      server = await this.#afterDeath(server, end)
      if (this.#stopping) return EXIT.done
    }
  }

  /** A new process takes over from the running one. The answer comes when it serves. */
  async restart(): Promise<Answer<{ pid: number; ms: number }>> {
    const old = this.#server
    if (this.#maintenance) return refused('maintenance', text('maintenance is under way: end it first (daruma maintenance end)', 'メンテナンス中です。先に終わらせてください（daruma maintenance end）'), EXIT.tryAgain)
    if (this.#stopping || this.#restarting) return refused('busy', text('a restart or stop is under way already', 'すでに再起動中または停止中です'), EXIT.tryAgain)
    // Somebody is looking after it: what happened before is no row any more.
    this.#deaths.length = 0
    if (!old?.isReady || old.isGone) {
      this.#hurry()
      return refused('not-running', text('the server is not running at this moment; another start is tried at once', '今サーバーは動いていません。すぐに起動を試みます'), EXIT.tryAgain)
    }
    const { clock, log } = this.#options
    const startedMs = clock.monotonicMs()
    this.#restarting = true
    try {
      log.info('a planned restart: the successor is loading')
      const successor = this.#options.startServer({ role: 'successor', isFirst: false, check: 'none' })
      const isWarm = await this.#within(conductorLimits.warm_ms, Promise.race([successor.warm.then(() => true), successor.ended.then(() => false)]))
      if (!isWarm) {
        await successor.kill(conductorLimits.reap_ms)
        log.error('the successor could not start; the old server goes on')
        return refused('successor-failed', text('the new process could not start (its reason stands in the log); the old one goes on', '新しいプロセスを起動できませんでした（理由はログにあります）。元のサーバーがそのまま動いています'))
      }
      if (old.isGone || old.isLeaving || this.#maintenance || this.#stopping) {
        // It died meanwhile, and the loop has started another; or it was sent away for another reason.
        await successor.kill(conductorLimits.reap_ms)
        return refused('busy', text('the server ended by itself meanwhile; this restart was given up', 'その間にサーバーが終了したため、再起動を取りやめました'), EXIT.tryAgain)
      }
      this.#successor = successor
      old.tell({ t: 'stop' })
      await old.closed
      successor.tell({ t: 'accept' })
      // The loop goes on when it has ended; here it is only made certain that it does.
      if (!(await old.endsWithin(this.#leaveMs()))) await this.#killForCertain(old)
      const serves = await Promise.race([successor.ready.then(() => true), successor.ended.then(() => false)])
      const ms = Math.round(clock.monotonicMs() - startedMs)
      if (!serves) return refused('successor-failed', text('the new process ended before it served; another is started', '新しいプロセスは稼働前に終了しました。別のプロセスを起動しています'), EXIT.tryAgain)
      log.info('a planned restart is done', { pid: successor.pid, ms })
      return done({ pid: successor.pid, ms })
    } finally {
      this.#restarting = false
    }
  }

  reload(): void {
    this.#server?.tell({ t: 'reload' })
  }

  /** The understudy (as it is configured by then) takes the doors, and the server leaves. Resolves when it has gone. */
  async beginMaintenance(goodbye: Goodbye): Promise<void> {
    if (this.#maintenance || this.#stopping) return
    this.#maintenance = { over: Promise.withResolvers<void>() }
    this.#cancelCall()
    const { understudy } = this.#options
    // One that is there already does not know of the window.
    if (understudy.state !== 'off') await understudy.stop(conductorLimits.understudy_short_grace_ms)
    understudy.start()
    const server = this.#server
    this.#hurry()
    if (!server || server.isGone) return this.#become('maintenance')
    server.tell({ t: 'stop', goodbye })
    if (!(await server.endsWithin(this.#leaveMs()))) await this.#killForCertain(server)
  }

  /** Resolves when the server serves again; false when it did not come up within `ms` (it is still tried). */
  async endMaintenance(ms: number): Promise<boolean> {
    const { over } = this.#maintenance ?? {}
    this.#maintenance = undefined
    over?.resolve()
    return (await this.#within(ms, this.#untilServing())) === true
  }

  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    this.#become('stopping')
    this.#cancelCall()
    this.#hurry()
    this.#maintenance?.over.resolve()
    await Promise.all([this.#dismissUnderstudy(conductorLimits.understudy_grace_ms), this.#leave(this.#server), this.#leave(this.#successor)])
  }

  /** A second signal: nobody is waited for. The journal is made for that. */
  abandon(): void {
    void this.#server?.kill(0)
    void this.#successor?.kill(0)
  }

  // ------------------------------------------------------------------ the steps of the loop

  #start(check: 'none' | 'quick'): Conducted {
    this.#become('starting')
    const server = this.#options.startServer({ role: 'first', isFirst: !this.#everReady, check })
    this.#server = server
    return server
  }

  async #becomesReady(server: Conducted): Promise<boolean> {
    return (await Promise.race([server.ready.then(() => 'ready'), server.ended.then(() => 'ended'), server.hung])) === 'ready'
  }

  async #onReady(server: Conducted, isFirst: boolean): Promise<void> {
    this.#cancelCall()
    if (this.#everReady) this.restarts += 1
    this.#everReady = true
    this.#become('serving')
    this.#options.happenings.ready(server, isFirst)
    this.#kick.resolve()
    this.#kick = Promise.withResolvers<void>()
    // It may have been there from an earlier life of this supervisor, too: the server looks in any case.
    void this.#dismissUnderstudy(conductorLimits.understudy_grace_ms).then(() => server.tell({ t: 'adopt' }))
  }

  async #untilItEnds(server: Conducted): Promise<ChildEnd> {
    const first = await Promise.race([server.ended, server.hung])
    if (first !== 'hung') return first
    if (!server.isGone && !server.isLeaving) {
      this.#become('hung')
      this.#options.happenings.hung(server)
      this.#options.log.error('the server gives no sign of life; it is killed', { pid: server.pid })
      this.#callUnderstudy(conductorLimits.understudy_after_ms)
    }
    await this.#killForCertain(server)
    return server.ended
  }

  async #afterDeath(server: Conducted, end: ChildEnd): Promise<Conducted> {
    const death: Death = { lifeMs: server.lifeMs(), pinned: this.#options.diedApplying() }
    this.#deaths.push(death)
    if (this.#deaths.length > DEATHS_KEPT) this.#deaths.shift()
    const next = nextStep(this.#deaths)
    this.#become('down')
    this.#options.happenings.died(end, death, next)
    this.#options.log.error('the server has died', { pid: server.pid, how: end.how, lived_ms: Math.round(death.lifeMs), pinned: death.pinned, next: next.step, check: next.check, wait_ms: next.waitMs })
    this.#callUnderstudy(next.waitMs > 0 ? 0 : conductorLimits.understudy_after_ms)
    if (next.waitMs > 0) await this.#pause(next.waitMs)
    if (this.#maintenance) await this.#maintenance.over.promise
    return this.#stopping ? server : this.#start(next.check)
  }

  async #pause(ms: number): Promise<void> {
    const waiting = new AbortController()
    this.#hurry = () => waiting.abort(new Error('hurry'))
    await this.#options.clock.sleep(ms, waiting.signal).catch(() => {})
    this.#hurry = () => {}
  }

  // ------------------------------------------------------------------ small things

  #become(state: ServerState): void {
    if (this.#state === state || (this.#stopping && state !== 'stopping')) return
    this.#state = state
    this.#options.happenings.changed()
  }

  #callUnderstudy(afterMs: number): void {
    this.#cancelCall()
    if (this.#stopping) return
    if (afterMs === 0) return this.#options.understudy.start()
    this.#cancelCall = this.#options.clock.after(afterMs, () => this.#options.understudy.start())
  }

  #dismissUnderstudy(graceMs: number): Promise<void> {
    this.#cancelCall()
    return this.#options.understudy.stop(graceMs)
  }

  #leaveMs(): number {
    return this.#options.graceMs() + conductorLimits.leave_ms
  }

  async #leave(server: Conducted | undefined): Promise<void> {
    if (!server || server.isGone) return
    server.tell({ t: 'stop' })
    if (!(await server.endsWithin(this.#leaveMs()))) await this.#killForCertain(server)
  }

  /** STORE.md, Journal 6: killed and reaped before another is started. One that cannot die leaves the door to the understudy. */
  async #killForCertain(server: Conducted): Promise<void> {
    if (await server.kill(conductorLimits.reap_ms)) return
    this.#options.happenings.cannotDie(server.pid)
    this.#options.log.error('a killed process does not end (its disk may hang); only the understudy works until it does', { pid: server.pid })
    this.#callUnderstudy(0)
    await server.ended
  }

  async #untilServing(): Promise<true> {
    while (this.#state !== 'serving') await this.#kick.promise
    return true
  }

  async #within<T>(ms: number, what: Promise<T>): Promise<T | undefined> {
    const waiting = new AbortController()
    try {
      return await Promise.race([what, this.#options.clock.sleep(ms, waiting.signal).catch(() => undefined).then(() => undefined)])
    } finally {
      waiting.abort()
    }
  }
}
