// The service manager, where there is one: "ready", signs of life, and sockets that it opened for us.
// Node has no datagram Unix sockets, so `systemd-notify` speaks for us (NotifyAccess=all in the unit).
import { spawn } from 'node:child_process'
import type { Clock } from '../base/clock.ts'
import { placeOfSocket } from '../base/inherited-socket.ts'
import { type DoorName, doorNames } from '../config/config.ts'
import type { InheritedSocket } from '../server/server-interface.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The first descriptor that systemd hands over (sd_listen_fds). */
const FIRST_FD = 3
const LISTEN_FDS_MAX = 64
/** A manager that hangs must not gather programs. */
const NOTIFY_MS = 10_000

/** Sockets handed over by socket activation, told apart by FileDescriptorName= (the name of a door). */
export function inheritedSockets(env: Environment, pid: number, placeOf = placeOfSocket): InheritedSocket[] {
  if (env['LISTEN_PID'] !== String(pid)) return []
  const count = Math.min(Number(env['LISTEN_FDS'] ?? 0) || 0, LISTEN_FDS_MAX)
  const names = (env['LISTEN_FDNAMES'] ?? '').split(':')
  const found: InheritedSocket[] = []
  for (let index = 0; index < count; index += 1) {
    const door: DoorName | undefined = doorNames.find((name) => name === names[index])
    if (door !== undefined) found.push({ door, fds: [FIRST_FD + index], place: placeOf(FIRST_FD + index) })
  }
  return found
}

export interface ServiceManager {
  ready(): void
  stopping(): void
  /** Signs of life for as long as `healthy` says so. */
  startWatchdog(healthy: () => boolean): void
  close(): void
}

export function serviceManager(env: Environment, clock: Clock): ServiceManager {
  const isThere = Boolean(env['NOTIFY_SOCKET'])
  const notify = (...words: string[]) => {
    if (!isThere) return
    // Without --no-block the program stays until the manager has read the message: one that is gone by then
    // belongs to no unit any more, and the message is dropped. Nobody here waits for it.
    spawn('systemd-notify', words, { stdio: 'ignore', env: { ...env }, timeout: NOTIFY_MS }).on('error', () => undefined).unref()
  }
  let cancel: (() => void) | undefined
  return {
    ready: () => notify('--ready'),
    stopping: () => notify('--stopping'),
    startWatchdog(healthy) {
      const everyMs = Number(env['WATCHDOG_USEC'] ?? 0) / 1000 / 3
      if (!isThere || !(everyMs >= 100)) return
      const beat = () => {
        if (healthy()) notify('WATCHDOG=1')
        cancel = clock.after(everyMs, beat)
      }
      beat()
    },
    close: () => cancel?.(),
  }
}
