import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { FakeClock } from '../base/clock.ts'
import { inheritedSockets, serviceManager } from './systemd.ts'

test('sockets of systemd are told apart by name, and only when they are meant for this process', () => {
  const env = { LISTEN_PID: '42', LISTEN_FDS: '4', LISTEN_FDNAMES: 'smtp:imaps:unknown:smtp' }
  const place = { address: '::', port: 25 }
  assert.deepEqual(inheritedSockets(env, 42, (fd) => (fd === 3 ? place : undefined)), [
    { door: 'smtp', fds: [3], place }, { door: 'imaps', fds: [4], place: undefined }, { door: 'smtp', fds: [6], place: undefined },
  ])
  assert.deepEqual(inheritedSockets(env, 43), [])
  assert.deepEqual(inheritedSockets({ LISTEN_PID: '42', LISTEN_FDS: 'many' }, 42), [])
  assert.deepEqual(inheritedSockets({}, 42), [])
})

test('ready, signs of life while healthy, stopping', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'daruma-notify-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const said = join(folder, 'said')
  writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$@" >>'${said}'\n`)
  chmodSync(join(folder, 'systemd-notify'), 0o755)
  const clock = new FakeClock()
  const env = { PATH: `${folder}:/usr/bin:/bin`, NOTIFY_SOCKET: '/run/nothing', WATCHDOG_USEC: '30000000' }
  const manager = serviceManager(env, clock)
  const untilSaid = async (...lines: string[]) => {
    while (!existsSync(said) || readFileSync(said, 'utf8').trim().split('\n').length < lines.length) await turn()
    assert.deepEqual(readFileSync(said, 'utf8').trim().split('\n'), lines)
  }
  let healthy = true
  manager.ready()
  await untilSaid('--ready')
  manager.startWatchdog(() => healthy)
  await untilSaid('--ready', 'WATCHDOG=1')
  clock.advance(10_000)
  await untilSaid('--ready', 'WATCHDOG=1', 'WATCHDOG=1')
  healthy = false
  clock.advance(10_000)
  manager.stopping()
  await untilSaid('--ready', 'WATCHDOG=1', 'WATCHDOG=1', '--stopping')
  manager.close()
})

test('without a service manager nothing is said', () => {
  const manager = serviceManager({ PATH: '/nonexistent' }, new FakeClock())
  manager.ready()
  manager.startWatchdog(() => assert.fail('nobody asks'))
  manager.close()
})
