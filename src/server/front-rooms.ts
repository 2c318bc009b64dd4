// What every front thread has, and what it must be able to do.
import type { Clock } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { Config, DoorName } from '../config/config.ts'
import { Outage } from '../base/errors.ts'
import type { Connection } from '../net/connection.ts'
import { listenOn, type Listener } from '../net/listener.ts'
import { parseNetwork, type Network } from '../net/network.ts'
import type { ServerContexts } from '../net/server-contexts.ts'
import type { Sweeper } from '../net/sweeper.ts'
import type { StoreClient } from '../store/threads/store-client.ts'
import type { FrontThreadData } from './thread-messages.ts'

export interface FrontRooms {
  data: FrontThreadData
  store: StoreClient
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
  /** Stops accepting, says goodbye, and resolves when all sessions have gone or `graceMs` is over. */
  stop(graceMs: number): Promise<void>
}

/** Doors that speak TLS from the first byte (RFC 8314 §3). */
const IMPLICIT_TLS: ReadonlySet<DoorName> = new Set(['submissions', 'imaps'])

export function proxiesOf(config: Config): Network[] {
  return config.proxy.networks.flatMap((text) => {
    const network = parseNetwork(text)
    return network.ok ? [network.value] : [] // the config has refused what is none
  })
}

/** Listens on every socket that this thread was given. */
export async function openListeners(
  rooms: FrontRooms,
  hall: {
    admit: (door: DoorName, remoteAddress: string) => 'go' | { refuse: string }
    enter: (remoteAddress: string) => () => void
    onConnection: (door: DoorName, connection: Connection) => void
  },
): Promise<Listener[]> {
  const { data, sweeper, log, contexts, proxies } = rooms
  const listeners: Listener[] = []
  for (const { door, address, fd } of data.doors) {
    rooms.onTaken(fd)
    const listener = await listenOn({
      fd, sweeper, log,
      admit: (remote) => hall.admit(door, remote),
      enter: hall.enter,
      onConnection: (connection) => hall.onConnection(door, connection),
      ...(IMPLICIT_TLS.has(door) ? { tls: contexts } : {}),
      proxies,
    }, address)
    if (!listener.ok) throw new Outage(listener.reason, { operation: 'listen' })
    listeners.push(listener.value)
  }
  return listeners
}
