// The config of trial mode: no file, unprivileged ports on loopback, a domain that exists nowhere.
import { allKeys, keys } from './keys.ts'
import { type DoorName, type LoadedConfig, type Overrides, configFrom, doorNames } from './config.ts'

export const TRIAL_DOMAIN = 'localhost.example'

const TRIAL_PORTS: { readonly [door in DoorName]: number } = { smtp: 2525, submission: 2587, submissions: 2465, imap: 2143, imaps: 2993 }

export function trialConfig(options: { /** Absolute. */ data: string; listen?: Overrides['listen'] }): LoadedConfig {
  const values = new Map<string, unknown>(allKeys.map((key) => [key.name, key.default]))
  values.set(keys.hostname.name, TRIAL_DOMAIN)
  values.set(keys.data.name, options.data)
  for (const door of doorNames) values.set(`listen.${door}`, options.listen?.[door] ?? [{ host: '127.0.0.1', port: TRIAL_PORTS[door] }])
  // The certificate is one that nobody else trusts; on loopback a mail client may go without it.
  values.set(keys.plaintextLogin.name, 'loopback')
  // Or near it: when it is taken, the page takes another (supervisor/status-page).
  values.set(keys.statusListen.name, [{ host: '127.0.0.1', port: 2080 }])
  // The screen belongs to the newcomer.
  values.set(keys.logLevel.name, 'warn')
  return configFrom(values, [], undefined)
}
