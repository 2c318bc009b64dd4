// What can be asked of the supervisor over its control socket.
import type { Clock } from '../base/clock.ts'
import { sameText } from '../base/language.ts'
import { performWatch, readingWatchOperations, watchOperations } from '../admin/maintenance-and-incidents.ts'
import { type Answer, EXIT, done, refusalOf, refused } from '../admin/office.ts'
import type { Chronicle } from './chronicle.ts'
import type { Conductor, ServerState } from './conductor.ts'
import type { UnderstudyKeeper } from './understudy-keeper.ts'

export interface SupervisorStatus {
  readonly version: string
  readonly pid: number
  readonly server: { readonly state: ServerState; readonly pid: number | null; readonly restarts: number }
  readonly understudy: { readonly state: 'off' | 'starting' | 'taking'; readonly pid: number | null; readonly taken: number }
}

export interface SupervisorOfficeOptions {
  readonly conductor: Conductor
  readonly understudy: UnderstudyKeeper
  readonly chronicle: Chronicle
  readonly stop: AbortController
  /** The config may have changed: what concerns the supervisor itself is taken from it. */
  reread(): void
  readonly clock: Clock
  readonly pid: number
  readonly version: string
}

type Operation = (args: unknown) => Promise<Answer<unknown>>

export const readingSupervisorOperations: ReadonlySet<string> = new Set(['supervisor-status', ...readingWatchOperations])

export function createSupervisorOffice(options: SupervisorOfficeOptions): (command: string, args: unknown) => Promise<Answer<unknown>> {
  const { conductor, understudy, chronicle, stop, clock, pid, version } = options
  const operations: Record<string, Operation> = {
    'supervisor-status': () => Promise.resolve(done<SupervisorStatus>({
      version, pid,
      server: { state: conductor.state, pid: conductor.server?.isGone === false ? conductor.server.pid : null, restarts: conductor.restarts },
      understudy: { state: understudy.state, pid: understudy.pid ?? null, taken: understudy.taken },
    })),
    'restart': () => conductor.restart(),
    'reread': () => {
      options.reread()
      return Promise.resolve(done({}))
    },
    'stop': () => {
      stop.abort()
      return Promise.resolve(done({ pid }))
    },
  }
  return async (command, args) => {
    if (Object.hasOwn(watchOperations, command)) {
      const { windows, incidents, traffic, maintenance } = chronicle
      return performWatch({ clock, windows, incidents, traffic, maintenance, changed: () => chronicle.changed() }, command, args)
    }
    const operation = Object.hasOwn(operations, command) ? operations[command] : undefined
    if (!operation) return refused('bad-request', sameText(`there is no operation "${command}"`), EXIT.usage)
    try {
      return await operation(args)
    } catch (error) {
      return refusalOf(error)
    }
  }
}
