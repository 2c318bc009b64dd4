// Does a listener answer? Calls it as a client would and waits for its greeting. Touches the network.
import { BlockList, type Socket, connect, isIPv6 } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import type { ListenerFacts } from '../admin/admin.ts'

const ANSWER_MS = 5000

/** True when the first octets of a greeting have come. `proxyNetworks`: whom the listener expects a PROXY header from. */
export function probeListener(listener: ListenerFacts, clock: Clock, proxyNetworks: readonly string[] = []): Promise<boolean> {
  // A socket of systemd whose place the machine hides: it is there, and that is all that can be said.
  if (listener.port === 0) return Promise.resolve(true)
  return new Promise((resolve) => {
    const host = reachable(listener.address)
    const socket: Socket = connect({ host, port: listener.port })
    const cancel = clock.after(ANSWER_MS, () => end(false))
    const end = (answers: boolean) => {
      cancel()
      socket.destroy()
      resolve(answers)
    }
    const greet = (greeter: Socket) => {
      greeter.once('data', () => end(true))
      greeter.once('error', () => end(false))
      greeter.once('close', () => end(false))
    }
    socket.once('error', () => end(false))
    socket.once('connect', () => {
      // PROXY protocol v1: "UNKNOWN" says that nobody stands behind us.
      if (isIn(socket.localAddress ?? '', proxyNetworks)) socket.write('PROXY UNKNOWN\r\n')
      // Only whether it speaks is asked, not whom its certificate names.
      greet(listener.tls ? connectTls({ socket, rejectUnauthorized: false }) : socket)
    })
  })
}

/** The wildcard address is reached over loopback. */
function reachable(address: string): string {
  return address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address
}

function isIn(address: string, networks: readonly string[]): boolean {
  const list = new BlockList()
  for (const network of networks) {
    const [net = '', bits] = network.split('/')
    const family = isIPv6(net) ? 'ipv6' : 'ipv4'
    list.addSubnet(net, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family)
  }
  return address !== '' && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
