// --listen DOOR=ADDRESS:PORT, as in the config's [listen]. Pure.
import { type DoorName, type HostPort, doorNames } from '../config/config.ts'
import { listenKind } from '../config/kinds.ts'
import type { OptionSpec } from './command.ts'

export type ListenOverride = { [door in DoorName]?: readonly HostPort[] }

export function parseListenOption(words: string): { door: DoorName; addresses: readonly HostPort[] } | undefined {
  const equals = words.indexOf('=')
  const door = doorNames.find((name) => name === words.slice(0, Math.max(equals, 0)))
  const reading = listenKind.read(words.slice(equals + 1), '/')
  return door !== undefined && reading.ok ? { door, addresses: reading.value } : undefined
}

export const listenOption: OptionSpec = {
  name: 'listen',
  placeholder: 'DOOR=ADDRESS:PORT',
  repeats: true,
  meaning: {
    en: 'Where a door (smtp, submission, submissions, imap, imaps) listens, or DOOR=off; port 0 takes a free one.',
    ja: '入口（smtp、submission、submissions、imap、imaps）の待ち受け先、または 入口=off。ポート 0 は空きポートを使います。',
  },
}
