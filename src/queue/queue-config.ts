// What the queue needs of the configuration.
import type { Limits } from '../base/limits.ts'
import type { Config } from '../config/config.ts'
import type { OutboundConfig } from './route.ts'

/** What may change while it runs. */
export interface QueueConfig {
  /** Our name: said in EHLO, and the reporting server of reports. */
  hostname: string
  outbound: OutboundConfig
  limits: Pick<Limits, 'queue_per_destination_max' | 'queue_attempts_max' | 'queue_lifetime_ms' | 'queue_delay_notice_ms'>
  /** Where our own doors for mail from strangers listen; "::" and "0.0.0.0" stand for all addresses of the machine. */
  ownDoors: readonly { host: string; port: number }[]
  /** PEM of roots to trust instead of the system's, where a certificate must be verified. */
  rootsPem?: string
}

/** `smarthostPassword`: the first line of the password file, read by whoever may read files. */
export function queueConfigOf(config: Config, { ownDoors, smarthostPassword }: { ownDoors: QueueConfig['ownDoors']; smarthostPassword?: string | undefined }): QueueConfig {
  const { smarthost, port } = config.outbound
  const login = smarthost?.login && smarthostPassword !== undefined ? { user: smarthost.login.user, password: smarthostPassword } : undefined
  return {
    hostname: config.hostname,
    outbound: { port, routes: config.routes, ...(smarthost ? { smarthost: { host: smarthost.host, port: smarthost.port, ...(login ? { login } : {}) } } : {}) },
    limits: config.limits,
    ownDoors,
  }
}
