// The listening sockets, bound once for the life of the supervisor and never closed: whoever comes while no process
// accepts waits in the kernel's queue. The supervisor itself never accepts anything on them. Each child process is
// started with copies of the descriptors, several of each, since a thread that dies takes its copy along.
import { type Parsed, refuse, understood } from '../base/errors.ts'
import type { SocketPlace } from '../base/inherited-socket.ts'
import { doorNames, type Config, type DoorName } from '../config/config.ts'
import { bindSocket, type Bound } from '../net/bound-socket.ts'
import { printListenAddress } from '../net/listen-address.ts'
import type { InheritedSocket } from '../server/server-interface.ts'
import type { HandedSocket } from '../server/supervisor-messages.ts'

/** One to begin with, and one for each thread that comes after one that died. */
const COPIES = 4
/** Standard input, output and error, and the channel. */
const FIRST_FD = 4

export interface BankedDoor {
  readonly door: DoorName
  readonly place: SocketPlace | undefined
  /** In this process. */
  readonly fd: number
}

export class DoorBank {
  readonly doors: readonly BankedDoor[]
  /** A socket that is collected closes its descriptor. */
  readonly #kept: readonly Bound[]

  private constructor(doors: readonly BankedDoor[], kept: readonly Bound[]) {
    this.doors = doors
    this.#kept = kept
  }

  /** Code of a refusal: "port-taken" (reason: "DOOR ADDRESS:PORT"), or those of `bindSocket`. */
  static open(config: Config, inherited: readonly InheritedSocket[]): Parsed<DoorBank> {
    const doors: BankedDoor[] = []
    const kept: Bound[] = []
    for (const door of doorNames) {
      const given = inherited.filter((socket) => socket.door === door)
      for (const { fds, place } of given) doors.push({ door, place, fd: fds[0] as number })
      if (given.length > 0) continue
      for (const { host, port } of config.listen[door]) {
        const bound = bindSocket({ host, port, family: host.includes(':') ? 6 : 4 })
        if (!bound.ok) {
          for (const other of kept) other.release()
          return bound.code === 'port-taken' ? refuse('port-taken', `${door} ${printListenAddress({ host, port, family: host.includes(':') ? 6 : 4 })}`) : bound
        }
        kept.push(bound.value)
        doors.push({ door, place: { address: host, port: bound.value.address.port }, fd: bound.value.handOver() })
      }
    }
    return understood(new DoorBank(doors, kept))
  }

  get count(): number {
    return this.doors.length
  }

  /** What a child is started with, and how it finds it. */
  forServer(): { stdio: number[]; sockets: HandedSocket[] } {
    const stdio: number[] = []
    const sockets = this.doors.map(({ door, place, fd }): HandedSocket => {
      const fds = Array.from({ length: COPIES }, (_, n) => FIRST_FD + stdio.length + n)
      stdio.push(...fds.map(() => fd))
      return { door, place, fds }
    })
    return { stdio, sockets }
  }

  /** One copy of each. */
  forUnderstudy(): { stdio: number[]; doors: { door: DoorName; address: { host: string; port: number; family: 4 | 6 }; fd: number }[] } {
    return {
      stdio: this.doors.map(({ fd }) => fd),
      doors: this.doors.map(({ door, place }, at) => ({
        door, fd: FIRST_FD + at,
        address: { host: place?.address ?? '0.0.0.0', port: place?.port ?? 0, family: place?.address.includes(':') ? 6 : 4 },
      })),
    }
  }

  /** At the very end. */
  close(): void {
    for (const bound of this.#kept) {
      bound.takeBack()
      bound.release()
    }
  }
}
