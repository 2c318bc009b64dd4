// What every front thread has, and what it must be able to do.
import type { Clock } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { Config } from '../config/config.ts'
import { parseNetwork, type Network } from '../net/network.ts'
import type { ServerContexts } from '../net/server-contexts.ts'
import type { Sweeper } from '../net/sweeper.ts'
import type { StoreClient } from '../store/threads/store-client.ts'
import type { DoorWriter } from './door-writer.ts'
import type { Lobby } from './lobby.ts'
import type { Goodbye } from './supervisor-messages.ts'
import type { FrontStore, FrontThreadData } from './thread-messages.ts'

export interface FrontRooms {
  data: FrontThreadData & FrontStore
  /** Its doors; they listen already. */
  lobby: Lobby
  store: StoreClient
  /** The taking front's. */
  doorWriter: DoorWriter | undefined
  limits: Limits
  log: Log
  clock: Clock
  random: Random
  contexts: ServerContexts
  sweeper: Sweeper
  /** Who may put a PROXY header in front. One list for the life of the thread: a reload changes what it holds. */
  proxies: Network[]
  /** A socket is about to be listened on: from now on it goes with this thread. */
  onTaken(fd: number): void
}

export interface FrontThing {
  reload(config: Config): void
  /** The taking front: what the understudy took is looked for now. */
  adopt?(): void
  /** Stops accepting, says goodbye, and resolves when all sessions have gone or `graceMs` is over. */
  stop(graceMs: number, goodbye?: Goodbye): Promise<void>
}

export function proxiesOf(config: Config): Network[] {
  return config.proxy.networks.flatMap((text) => {
    const network = parseNetwork(text)
    return network.ok ? [network.value] : [] // the config has refused what is none
  })
}
