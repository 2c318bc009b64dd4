// The queue thread: outbound work.
import { textOf } from '../base/bytes.ts'
import { readSmallFile } from '../base/files.ts'
import { nodeDisk } from '../base/disk.ts'
import type { Config } from '../config/config.ts'
import { createReportDelivery } from '../intake/deliver-report.ts'
import { isLoopback, parseIp } from '../net/network.ts'
import { StubResolver } from '../net/dns.ts'
import { systemDnsServers, type DnsServer } from '../net/dns-servers.ts'
import { createQueue, queueConfigOf, type QueueConfig } from '../queue/queue.ts'
import type { FrontRooms, FrontThing } from './front-rooms.ts'

export function openQueue(rooms: FrontRooms): Promise<FrontThing> {
  const { data, store, clock, random, log, sweeper } = rooms
  let { config } = data
  const configNow = (): QueueConfig => queueConfigOf(config, { ownDoors: data.ownAddresses, smarthostPassword: smarthostPassword(rooms, config) })
  const resolver = new StubResolver({ servers: dnsServers(config), clock, random })
  const queue = createQueue({
    store, clock, random, log, resolver, sweeper,
    config: configNow(),
    deliverReport: createReportDelivery({
      store,
      delivery: () => ({ subaddressSeparator: config.delivery.subaddressSeparator, postmaster: config.delivery.postmaster }),
    }),
  })
  return Promise.resolve({
    reload(next) {
      config = next
      resolver.useServers(dnsServers(next))
      queue.reconfigure(configNow())
    },
    stop: (graceMs) => queue.close(graceMs),
  })
}

function dnsServers(config: Config): DnsServer[] {
  if (config.dns.servers.length === 0) return systemDnsServers(nodeDisk)
  return config.dns.servers.map(({ host, port }) => {
    const ip = parseIp(host)
    return { address: host, port, family: host.includes(':') ? 6 : 4, isOnThisMachine: ip.ok && isLoopback(ip.value) }
  })
}

/** Without it the smart host refuses us, which is temporary; the log says why. */
function smarthostPassword(rooms: FrontRooms, config: Config): string | undefined {
  const login = config.outbound.smarthost?.login
  if (!login) return undefined
  const read = readSmallFile(login.passwordFile)
  if (read.ok) return textOf(read.value).split(/\r?\n/)[0]
  rooms.log.error('the password of the smart host cannot be read', { file: login.passwordFile, reason: read.reason })
  return undefined
}
