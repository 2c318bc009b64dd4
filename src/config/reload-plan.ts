// What a running server takes over from a config that was read again, and what has to wait for a restart. Pure.
import { allKeys } from './keys.ts'
import { type LoadedConfig, configFrom } from './config.ts'

export interface ReloadPlan {
  /** The config to go on with: what can change has the new value, the rest the old one. */
  readonly next: LoadedConfig
  /** Names of keys whose new value holds from now on. */
  readonly changed: readonly string[]
  /** Names of keys that were changed in the file and cannot change at run time. */
  readonly needRestart: readonly string[]
}

export function planReload(running: LoadedConfig, read: LoadedConfig): ReloadPlan {
  const values = new Map(running.values)
  const [changed, needRestart]: [string[], string[]] = [[], []]
  for (const key of allKeys) {
    if (JSON.stringify(running.values.get(key.name)) === JSON.stringify(read.values.get(key.name))) continue
    if (key.runtime) {
      values.set(key.name, read.values.get(key.name))
      changed.push(key.name)
    } else needRestart.push(key.name)
  }
  if (JSON.stringify(running.routes) !== JSON.stringify(read.routes)) changed.push('route')
  return { next: configFrom(values, read.routes, read.config.file), changed, needRestart }
}
