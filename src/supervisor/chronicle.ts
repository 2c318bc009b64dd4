// What the supervisor knows of how things are, written down as it happens: incidents, the states of the services,
// maintenance. The conductor acts; the chronicle tells.
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { Config } from '../config/config.ts'
import type { ServerFacts } from '../server/supervisor-messages.ts'
import type { ChildEnd } from './child.ts'
import type { Conductor } from './conductor.ts'
import type { Death, NextStep } from './crash-loop.ts'
import type { DoorBank } from './door-bank.ts'
import type { UnderstudyKeeper } from './understudy-keeper.ts'

export interface ChronicleOptions {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly pid: number
  readonly version: string
}

export interface Watched {
  readonly conductor: Conductor
  readonly understudy: UnderstudyKeeper
  readonly bank: DoorBank
}

export class Chronicle {
  readonly #options: ChronicleOptions
  #watched: Watched | undefined

  private constructor(options: ChronicleOptions) {
    this.#options = options
  }

  static async open(options: ChronicleOptions): Promise<Chronicle> {
    return new Chronicle(options)
  }

  watch(watched: Watched): void {
    this.#watched = watched
  }

  ready(_pid: number): void {}
  hung(_pid: number): void {}
  died(_end: ChildEnd, _death: Death, _next: NextStep): void {}
  cannotDie(_pid: number): void {}
  serverFacts(_facts: ServerFacts): void {}
  changed(): void {}
  reconfigure(_config: Config): void {}

  understudyMode(): { mode: 'take' | 'defer'; until?: string } {
    return { mode: 'take' }
  }

  async close(): Promise<void> {}
}
