// Where connections wait while the server behind the doors is not there yet: in a planned restart the new process
// listens and greets while the old one finishes. Nothing is promised here: a mail client sees its greeting and
// waits for the answer to its first command. Bounded; whoever finds it full is sent away for now.
import { Outage } from '../base/errors.ts'
import type { DoorName } from '../config/config.ts'
import type { Connection } from '../net/connection.ts'
import { listenOn, type Listener } from '../net/listener.ts'
import type { FrontRooms } from './front-rooms.ts'
import type { FrontThreadData } from './thread-messages.ts'

const lobbyLimits = {
  /** Connections that wait at one moment. */
  waiting_max: 1000,
} as const

/** Doors that speak TLS from the first byte (RFC 8314 §3). */
const IMPLICIT_TLS: ReadonlySet<DoorName> = new Set(['submissions', 'imaps'])

export interface Hall {
  admit: (door: DoorName, remoteAddress: string) => 'go' | { refuse: string }
  enter: (remoteAddress: string) => () => void
  /** `greeted`: the greeting has been sent. */
  onConnection: (door: DoorName, connection: Connection, greeted: boolean) => void
}

/** What the lobby itself says. */
export interface LobbyWords {
  /** Sent at once; undefined where the door greets by itself later. */
  readonly greeting: string | undefined
  readonly full: string
}

interface Waiting {
  door: DoorName
  connection: Connection
  greeted: boolean
}

interface Place {
  address: string
  leave: (() => void) | undefined
  gone: boolean
}

export class Lobby {
  readonly listeners: Listener[] = []
  readonly #words: LobbyWords
  #hall: Hall | undefined
  #closed = false
  readonly #waiting: Waiting[] = []
  readonly #places = new Set<Place>()

  private constructor(words: LobbyWords) {
    this.#words = words
  }

  /** Listens on every socket that this thread was given. */
  static async open(rooms: Pick<FrontRooms, 'sweeper' | 'log' | 'contexts' | 'proxies' | 'onTaken'> & { data: Pick<FrontThreadData, 'doors'> }, words: LobbyWords): Promise<Lobby> {
    const lobby = new Lobby(words)
    const { data, sweeper, log, contexts, proxies } = rooms
    for (const { door, address, fd } of data.doors) {
      rooms.onTaken(fd)
      const listener = await listenOn({
        fd, sweeper, log,
        admit: (remote) => lobby.#admit(door, remote),
        enter: (remote) => lobby.#enter(remote),
        onConnection: (connection) => lobby.#arrive(door, connection),
        ...(IMPLICIT_TLS.has(door) ? { tls: contexts } : {}),
        proxies,
      }, address)
      if (!listener.ok) throw new Outage(listener.reason, { operation: 'listen' })
      lobby.listeners.push(listener.value)
    }
    return lobby
  }

  /** The server is there: whoever waits goes in, and whoever comes goes straight through. */
  receive(hall: Hall): void {
    this.#hall = hall
    for (const place of this.#places) place.leave = hall.enter(place.address)
    this.#places.clear()
    for (const { door, connection, greeted } of this.#waiting.splice(0)) {
      if (connection.isOpen) hall.onConnection(door, connection, greeted)
    }
  }

  stopAccepting(): void {
    this.#closed = true
    for (const listener of this.listeners) listener.stopAccepting()
  }

  /** Nothing came of it: whoever waits is sent away, to try again. */
  async dismiss(): Promise<void> {
    this.stopAccepting()
    for (const { connection } of this.#waiting.splice(0)) if (connection.isOpen) connection.end(this.#words.full)
    await Promise.all(this.listeners.map((listener) => listener.close({ graceMs: 1000 })))
  }

  #admit(door: DoorName, remote: string): 'go' | { refuse: string } {
    if (this.#hall) return this.#hall.admit(door, remote)
    return this.#places.size < lobbyLimits.waiting_max && !this.#closed ? 'go' : { refuse: this.#words.full }
  }

  #enter(remote: string): () => void {
    if (this.#hall) return this.#hall.enter(remote)
    const place: Place = { address: remote, leave: undefined, gone: false }
    this.#places.add(place)
    return () => {
      if (place.gone) return
      place.gone = true
      this.#places.delete(place)
      place.leave?.()
    }
  }

  #arrive(door: DoorName, connection: Connection): void {
    if (this.#hall) return this.#hall.onConnection(door, connection, false)
    const { greeting } = this.#words
    if (greeting !== undefined) connection.write(greeting)
    this.#waiting.push({ door, connection, greeted: greeting !== undefined })
  }
}
