// Reads the PROXY header off a fresh socket and leaves everything behind it where it was.
import type { Socket } from 'node:net'
import { concatBytes } from '../base/bytes.ts'
import { refuse, understood } from '../base/errors.ts'
import type { Parsed } from '../base/errors.ts'
import { parseProxyHeader } from './proxy-header.ts'
import type { ProxyHeader } from './proxy-header.ts'
import type { Sweeper } from './sweeper.ts'

/** A proxy sends its header at once. */
const headerMs = 10_000

/** Calls `done` once; the socket is paused then. */
export function readProxyHeader(socket: Socket, sweeper: Sweeper, done: (source: Parsed<ProxyHeader['source']>) => void): void {
  let held: Uint8Array = new Uint8Array(0)
  const deadline = sweeper.watch(() => finish(refuse('proxy-header-late', 'no PROXY header came in time')))
  const finish = (source: Parsed<ProxyHeader['source']>, rest?: Uint8Array): void => {
    deadline.drop()
    socket.off('data', onData)
    socket.off('end', onGone)
    socket.off('close', onGone)
    socket.pause()
    if (rest && rest.length > 0) socket.unshift(rest) // only when paused: a flowing socket would hand it out at once
    done(source)
  }
  const onGone = (): void => finish(refuse('proxy-header-missing', 'the proxy hung up before its PROXY header was complete'))
  const onData = (chunk: Uint8Array): void => {
    held = held.length === 0 ? chunk : concatBytes([held, chunk])
    const header = parseProxyHeader(held)
    if (!header.ok) return finish(header)
    if (!header.value) return
    finish(understood(header.value.source), held.subarray(header.value.octets))
  }
  deadline.set(headerMs)
  socket.on('data', onData)
  socket.on('end', onGone)
  socket.on('close', onGone)
  socket.resume()
}
