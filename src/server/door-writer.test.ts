import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import { silentLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import { SimulatedDisk } from '../base/simulated-disk.ts'
import type { Directory } from '../store/store.ts'
import { DoorWriter } from './door-writer.ts'

const directory: Directory = {
  isCurrent: true, domain: () => undefined, domains: () => [], account: () => undefined, accountByKey: () => undefined, accounts: () => [],
  aliasByKey: () => undefined, aliases: () => [], setting: () => undefined, octetsUsed: () => 0,
}

function stage() {
  const simulated = new SimulatedDisk({ random: seededRandom(1) })
  simulated.makeDirectory('/second/intake')
  const mounted = { is: true }
  const disk = new Proxy<Disk>(simulated, {
    get(target, key) {
      if (key === 'facts') return (path: string) => ({ ...target.facts(path), device: mounted.is && path.startsWith('/second') ? 2 : 1 })
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  const clock = new FakeClock()
  const settings = () => ({ hostname: 'mx.example.org', delivery: { subaddressSeparator: '+', postmaster: undefined } })
  const writer = new DoorWriter({ intakeDirectory: '/second/intake', disk, clock, log: silentLog, settings })
  return { clock, mounted, writer, files: () => simulated.list('/second/intake').sort() }
}

test('marked at once, written a moment later', () => {
  const { clock, writer, files } = stage()
  assert.equal(writer.onDirectoryRead(), true)
  writer.open(directory)
  assert.deepEqual(files(), ['door.stale'])
  clock.advance(0)
  assert.deepEqual(files(), ['door.json'])
  writer.onDirectoryRead()
  assert.deepEqual(files(), ['door.json', 'door.stale'])
  writer.close()
  assert.deepEqual(files(), ['door.json'], 'not only after half a second')
})

test('nothing is written below a disk that was unmounted; it is when the disk is back', () => {
  const { clock, mounted, writer, files } = stage()
  mounted.is = false
  writer.open(directory)
  clock.advance(0)
  assert.equal(writer.onDirectoryRead(), false)
  assert.deepEqual(files(), [])
  mounted.is = true
  clock.advance(10_000)
  assert.deepEqual(files(), ['door.json'])
})
