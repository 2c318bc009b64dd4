// The public status page: served by the supervisor itself, so that it is there when the mail server is not, and written
// out as files for the day when the whole machine is not. Never in the way: whatever fails here is a warning.
import type { Clock } from '../../base/clock.ts'
import type { Disk } from '../../base/disk.ts'
import { type Parsed, errorSentence } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Config, HostPort } from '../../config/config.ts'
import type { Bound } from '../../net/bound-socket.ts'
import { type ListenAddress, printListenAddress } from '../../net/listen-address.ts'
import { parseNetwork } from '../../net/network.ts'
import { HttpDoors } from './http-doors.ts'
import { Pages } from './pages.ts'
import { Publisher } from './publisher.ts'
import type { StatusFacts } from './status-facts.ts'

export { type StatusFacts, gatherStatus } from './status-facts.ts'

export type StatusPageConfig = Pick<Config, 'status' | 'hostname' | 'limits' | 'proxy' | 'file'>

export interface StatusPageOptions {
  readonly config: StatusPageConfig
  readonly facts: () => StatusFacts
  readonly clock: Clock
  readonly log: Log
  readonly disk: Disk
  readonly openToAll: (path: string, mode: number) => void
  /** Takes a port; also where the service manager has opened one. */
  readonly bind: (address: ListenAddress) => Parsed<Bound>
}

export interface StatusPage {
  /** Where it really listens. */
  addresses(): readonly ListenAddress[]
  /** Something that is shown has changed. */
  changed(): void
  /** A reload: title, public address, where to publish, limits. */
  reconfigure(config: StatusPageConfig): void
  close(): void
}

/** An address may not be there yet, or a port still taken. */
const BIND_AGAIN_MS = 30_000
/** In trial mode several may run on one machine: the next ports, and then any. */
const NEARBY = 10

export async function startStatusPage(options: StatusPageOptions): Promise<StatusPage> {
  const { clock, log, disk, openToAll, facts } = options
  let { config } = options
  let isClosed = false
  let cancel: () => void = () => undefined
  const listening: ListenAddress[] = []
  const url = () => {
    const given = config.status.publicUrl ?? (listening[0] ? `http://${printListenAddress(listening[0])}/` : `http://${config.hostname}/`)
    return given.endsWith('/') ? given : `${given}/`
  }
  const pages = new Pages({ facts, clock, naming: () => ({ title: config.status.title ?? config.hostname, hostname: config.hostname, url: url() }) })
  const proxies = () => config.proxy.networks.map(parseNetwork).flatMap((one) => (one.ok ? [one.value] : []))
  const doors = new HttpDoors({ files: () => pages.files(), clock, log, limits: () => config.limits, proxies })
  const publisher = new Publisher({ directory: () => config.status.publish, files: () => pages.files(), disk, openToAll, clock, log })

  const listen = async (waiting: readonly HostPort[]): Promise<void> => {
    const missing: HostPort[] = []
    for (const at of waiting) {
      const bound = bindNear(at, config.file === undefined, options.bind)
      if (!bound.ok) {
        log.warn('the status page cannot be served here; it is tried again', { reason: bound.reason })
        missing.push(at)
        continue
      }
      try {
        await doors.listen(bound.value)
        listening.push(bound.value.address)
        log.info('the status page is served', { address: printListenAddress(bound.value.address) })
      } catch (error) {
        log.warn('the status page cannot be served here; it is tried again', { address: printListenAddress(bound.value.address), reason: errorSentence(error) })
        missing.push(at)
      }
    }
    if (missing.length > 0 && !isClosed) cancel = clock.after(BIND_AGAIN_MS, () => void listen(missing))
  }
  await listen(config.status.listen)

  const changed = () => {
    pages.changed()
    publisher.changed()
  }
  return {
    addresses: () => listening,
    changed,
    reconfigure(next) {
      config = next
      changed()
    },
    close() {
      isClosed = true
      cancel()
      doors.close()
      publisher.close()
    },
  }
}

function bindNear(at: HostPort, mayMove: boolean, bind: (address: ListenAddress) => Parsed<Bound>): Parsed<Bound> {
  const host = at.host === 'localhost' ? '127.0.0.1' : at.host
  const address: ListenAddress = { host, port: at.port, family: host.includes(':') ? 6 : 4 }
  const first = bind(address)
  if (!mayMove || first.ok || first.code !== 'port-taken') return first
  for (let step = 1; step < NEARBY; step += 1) {
    const near = bind({ ...address, port: at.port + step })
    if (near.ok) return near
  }
  return bind({ ...address, port: 0 })
}
