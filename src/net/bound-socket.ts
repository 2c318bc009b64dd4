// Takes a port without accepting anything on it yet, so that the main thread can bind (as root, if
// need be) and a worker thread listen. Sockets that systemd has opened for us are taken the same way.
import { BoundSocket } from 'node:net'
import { assert, errorCode, errorSentence, refuse, understood } from '../base/errors.ts'
import type { Parsed, Refused } from '../base/errors.ts'
import { printListenAddress } from './listen-address.ts'
import type { ListenAddress } from './listen-address.ts'

export interface Bound {
  /** With the real port. */
  readonly address: ListenAddress
  /** The descriptor, to be listened on in whatever thread. Asked once: from then on it belongs to that listener, which closes it. */
  handOver(): number
  /** The thread it was meant for never listened on it: it may be handed over again, or released. */
  takeBack(): void
  /** Gives the port back. For sockets that were never handed over. */
  release(): void
}

/** Further sockets on the port of a bound one; see `bindSpares`. */
const SPARES = 3

// A BoundSocket that is collected closes its descriptor, which by then is somebody else's.
const handedOver = new Set<BoundSocket>()

export function bindSocket(address: ListenAddress): Parsed<Bound> {
  let socket: BoundSocket
  try {
    socket = new BoundSocket({ host: address.host, port: address.port, ipv6Only: address.family === 6 })
  } catch (error) {
    return bindRefusal(address, error)
  }
  return understood({
    address: { ...address, port: socket.address().port },
    handOver: () => {
      assert(!handedOver.has(socket), 'a bound socket is handed over once')
      handedOver.add(socket)
      return socket.fd()
    },
    takeBack: () => void handedOver.delete(socket),
    release: () => {
      if (!handedOver.has(socket)) socket.close()
    },
  })
}

/**
 * More sockets on the same port, for listeners to come: when a thread dies its socket goes with it, and by then
 * the process may have given up the right to bind the port. The system lets several sockets hold one port as long
 * as only one of them listens, so this must be called before anybody does. As many as the system gives.
 */
export function bindSpares(address: ListenAddress): Bound[] {
  const spares: Bound[] = []
  for (let n = 0; n < SPARES; n += 1) {
    const spare = bindSocket(address)
    if (spare.ok) spares.push(spare.value)
  }
  return spares
}

/** What went wrong, and what to do. Also for `listen`, which can find the port taken at the last moment. */
export function bindRefusal(address: ListenAddress, error: unknown): Refused {
  const where = printListenAddress(address)
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return refuse('port-taken', `port ${address.port} on ${address.host} is already taken: another program (or another Daruma) listens on it. Stop it, or choose another address (find it with: ss -ltnp 'sport = :${address.port}')`)
    case 'EACCES':
    case 'EPERM':
      return refuse('port-not-allowed', `not allowed to listen on ${where}: ports below 1024 are for root. Start as root (rights are dropped afterwards), use the systemd unit, or choose a port from 1024`)
    case 'EADDRNOTAVAIL':
      return refuse('address-not-here', `cannot listen on ${where}: this machine does not have the address ${address.host} (yet). See: ip address`)
    case 'EAFNOSUPPORT':
      return refuse('family-not-here', `cannot listen on ${where}: this machine has no IPv${address.family}`)
    case 'EMFILE':
    case 'ENFILE':
      return refuse('descriptors-exhausted', `cannot listen on ${where}: no file descriptors are left. Raise the limit (ulimit -n, or LimitNOFILE= in the unit)`)
    default:
      return refuse('bind-failed', `cannot listen on ${where}: ${errorSentence(error)}`)
  }
}

export interface InheritedSocket {
  /** FileDescriptorName= of the unit, such as "smtp". */
  name: string
  fd: number
}

const firstInheritedFd = 3
const inheritedSocketsMax = 100

/** Sockets opened by systemd (sd_listen_fds(3)). Empty when there are none, or when they are meant for another process. */
export function parseInheritedSockets(environment: Readonly<Record<string, string | undefined>>, pid: number): Parsed<InheritedSocket[]> {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = environment
  if (LISTEN_FDS === undefined || LISTEN_PID !== String(pid)) return understood([])
  const count = /^[0-9]{1,4}$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : -1
  if (count < 0 || count > inheritedSocketsMax) return refuse('listen-fds', `LISTEN_FDS=${LISTEN_FDS.slice(0, 20)} is not a number from 0 to ${inheritedSocketsMax}`)
  const names = LISTEN_FDNAMES === undefined ? [] : LISTEN_FDNAMES.split(':')
  if (LISTEN_FDNAMES !== undefined && names.length !== count) return refuse('listen-fdnames', `LISTEN_FDNAMES names ${names.length} sockets, LISTEN_FDS says ${count}`)
  return understood(Array.from({ length: count }, (_, at) => ({ name: names[at] ?? 'unknown', fd: firstInheritedFd + at })))
}
