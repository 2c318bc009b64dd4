// The sockets of one door: the one that its thread listens on, and others for the threads that follow it. A
// thread that dies takes its socket along, and by then the process may no longer bind the port (root's rights
// were dropped), so further ones on the same port are bound beforehand. It never listens itself.
import { understood, refuse, type Parsed } from '../base/errors.ts'
import type { DoorName } from '../config/config.ts'
import { bindSocket, bindSpares, type Bound } from '../net/bound-socket.ts'
import type { ListenAddress } from '../net/listen-address.ts'
import type { DoorSocket } from './thread-messages.ts'

export class DoorSockets {
  readonly door: DoorName
  readonly address: ListenAddress
  /** Not handed over yet. */
  #ready: Bound[] = []
  /** Handed over, by descriptor. */
  readonly #out = new Map<number, Bound>()
  /** Opened by the supervisor or the service manager, not handed over yet. */
  readonly #inherited: number[]
  readonly #isInherited: boolean

  private constructor(door: DoorName, address: ListenAddress, inherited?: readonly number[]) {
    this.door = door
    this.address = address
    this.#inherited = [...(inherited ?? [])]
    this.#isInherited = inherited !== undefined
  }

  static bind(door: DoorName, wanted: ListenAddress): Parsed<DoorSockets> {
    const bound = bindSocket(wanted)
    if (!bound.ok) return bound
    const sockets = new DoorSockets(door, bound.value.address)
    sockets.#ready = [bound.value, ...bindSpares(bound.value.address)]
    return understood(sockets)
  }

  static inherit(door: DoorName, address: ListenAddress, fds: readonly number[]): DoorSockets {
    return new DoorSockets(door, address, fds)
  }

  /** For the next thread. Codes of a refusal: "socket-gone" when there will never be one again, else those of `bindSocket`. */
  take(): Parsed<DoorSocket> {
    const { door, address } = this
    if (this.#isInherited) {
      const fd = this.#inherited.shift()
      return fd === undefined ? refuse('socket-gone', `no socket of ${door} is left of those that were handed to this process`) : understood({ door, address, fd })
    }
    const bound = this.#ready.shift() ?? bindSocket(address)
    if (!('address' in bound) && !bound.ok) return bound.code === 'port-not-allowed' ? refuse('socket-gone', bound.reason) : bound
    const taken = 'address' in bound ? bound : bound.value
    const fd = taken.handOver()
    this.#out.set(fd, taken)
    return understood({ door, address, fd })
  }

  /** The thread ended without having listened on it. */
  takeBack(fd: number): void {
    if (this.#isInherited) {
      this.#inherited.unshift(fd)
      return
    }
    const bound = this.#out.get(fd)
    if (!bound) return
    this.#out.delete(fd)
    bound.takeBack()
    this.#ready.unshift(bound)
  }

  /** The thread that listened on it is gone, and the socket with it. */
  forget(fd: number): void {
    this.#out.delete(fd)
  }

  /** Gives the port back, but for what a thread listens on. */
  release(): void {
    for (const bound of this.#ready.splice(0)) bound.release()
  }
}
