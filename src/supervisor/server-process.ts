// One server process as the supervisor sees it: where it stands, whether it still beats, how it ends.
//
//   loading ─(successor) warm─▶ accepting ─own─▶ starting ─ready─▶ serving ─stop─▶ leaving ─▶ gone
//      └──────────(first)────────────────────────▶ ready
import type { Clock } from '../base/clock.ts'
import type { FromServer, Hello, ServerFacts, ToServer } from '../server/supervisor-messages.ts'
import { Child, type ChildEnd, type ChildOptions } from './child.ts'

const BEAT_MS = 1000

export interface ServerProcessOptions extends ChildOptions {
  readonly hello: Hello
  /** Without an answer to any beat for so long it counts as hung. */
  readonly stuckMs: number
  readonly clock: Clock
  onStopWished(): void
  onFacts(facts: ServerFacts): void
}

export class ServerProcess {
  readonly #child: Child<ToServer, FromServer>
  readonly #options: ServerProcessOptions
  readonly #warm = Promise.withResolvers<void>()
  readonly #ready = Promise.withResolvers<void>()
  readonly #closed = Promise.withResolvers<void>()
  readonly #hung = Promise.withResolvers<'hung'>()
  readonly ended: Promise<ChildEnd>
  isReady = false
  isLeaving = false
  readyAtMs: number | undefined
  facts: ServerFacts | undefined
  #missed = 0
  #cancelBeat: () => void = () => {}

  constructor(options: ServerProcessOptions) {
    this.#options = options
    this.#child = new Child(options)
    this.ended = this.#child.ended
    this.#child.onMessage = (message) => this.#hear(message)
    this.#child.tell(options.hello)
    void this.ended.then(() => {
      this.#cancelBeat()
      this.#closed.resolve()
    })
    this.#beat()
  }

  get pid(): number {
    return this.#child.pid
  }
  get isGone(): boolean {
    return this.#child.isGone
  }
  /** A successor has loaded everything. Never resolves for one that dies before. */
  get warm(): Promise<void> {
    return this.#warm.promise
  }
  /** Everything works. Never resolves for one that dies before. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }
  /** Its doors accept no more, or it has gone. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }
  /** It gives no sign of life. */
  get hung(): Promise<'hung'> {
    return this.#hung.promise
  }

  tell(message: Exclude<ToServer, Hello>): void {
    if (message.t === 'stop') this.isLeaving = true
    this.#child.tell(message)
  }
  kill(ms: number): Promise<boolean> {
    return this.#child.kill(ms)
  }
  endsWithin(ms: number): Promise<boolean> {
    return this.#child.endsWithin(ms)
  }

  /** From ready until now; 0 when it never was. */
  lifeMs(): number {
    return this.readyAtMs === undefined ? 0 : this.#options.clock.monotonicMs() - this.readyAtMs
  }

  #hear(message: FromServer): void {
    this.#missed = 0
    switch (message.t) {
      case 'warm':
        this.#warm.resolve()
        return
      case 'ready':
        this.isReady = true
        this.readyAtMs = this.#options.clock.monotonicMs()
        this.#ready.resolve()
        return
      case 'closed':
        this.#closed.resolve()
        return
      case 'stop-wished':
        this.#options.onStopWished()
        return
      case 'beat':
        if (!message.facts) return
        this.facts = message.facts
        this.#options.onFacts(message.facts)
        if (!message.facts.healthy) this.#hung.resolve('hung')
    }
  }

  /** Counted in beats asked for: when this process itself was halted, nobody is blamed for the time. */
  #beat(): void {
    this.#cancelBeat = this.#options.clock.after(BEAT_MS, () => {
      this.#missed += 1
      if (this.#missed * BEAT_MS > this.#options.stuckMs) this.#hung.resolve('hung')
      this.#child.tell({ t: 'beat' })
      if (!this.isGone) this.#beat()
    })
  }
}
