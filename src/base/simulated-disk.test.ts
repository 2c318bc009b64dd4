import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRandom } from './random.ts'
import { SECTOR_OCTETS, SimulatedCrash, SimulatedDisk } from './simulated-disk.ts'

function diskWith(seed = 1): SimulatedDisk {
  const disk = new SimulatedDisk({ random: seededRandom(seed) })
  disk.makeDirectory('/d')
  return disk
}

const bytes = (length: number, value = 1) => new Uint8Array(length).fill(value)

describe('the simulated disk', () => {
  it('keeps what was flushed, file and folder, and may lose the rest', () => {
    const disk = diskWith()
    const file = disk.open('/d/a', 'create')
    file.write([bytes(10), bytes(5, 2)], 0)
    file.flush()
    disk.flushDirectory('/d')
    file.write([bytes(3, 9)], 1)
    disk.open('/d/b', 'create')
    disk.crash('lose')
    deepStrictEqual([...disk.readWhole('/d/a')], [...bytes(10), ...bytes(5, 2)])
    strictEqual(disk.exists('/d/b'), false)
    throws(() => file.write([bytes(1)], 0), SimulatedCrash, 'a file that was open is open no more')
  })

  it('a flushed file whose folder was not flushed may be gone', () => {
    const disk = diskWith()
    const file = disk.open('/d/a', 'create')
    file.write([bytes(10)], 0)
    file.flush()
    disk.crash('lose')
    strictEqual(disk.exists('/d/a'), false)
  })

  it('a rename that was not flushed is undone, whole', () => {
    const disk = diskWith()
    disk.writeWhole('/d/a', bytes(4))
    disk.rename('/d/a', '/d/b')
    deepStrictEqual(disk.list('/d'), ['b'])
    disk.crash('lose')
    deepStrictEqual(disk.list('/d'), ['a'])
    disk.rename('/d/a', '/d/b')
    disk.crash('keep')
    deepStrictEqual(disk.list('/d'), ['b'])
  })

  it('tears writes between sectors, in any order, and never inside one', () => {
    const patterns = new Set<string>()
    for (let seed = 1; seed < 200; seed++) {
      const disk = diskWith(seed)
      disk.writeWhole('/d/a', bytes(4 * SECTOR_OCTETS, 0))
      disk.open('/d/a', 'update').write([bytes(3 * SECTOR_OCTETS + 100)], 100)
      disk.crash('tear')
      const read = disk.readWhole('/d/a')
      let pattern = ''
      for (let sector = 0; sector < 4; sector++) {
        const from = sector === 0 ? 100 : sector * SECTOR_OCTETS
        const to = Math.min((sector + 1) * SECTOR_OCTETS, 3 * SECTOR_OCTETS + 200)
        const values = new Set(read.subarray(from, to))
        strictEqual(values.size, 1)
        pattern += [...values][0]
      }
      patterns.add(pattern)
    }
    strictEqual(patterns.size, 16)
  })

  it('after a failed flush nothing that was waiting is ever written', () => {
    let lost = 0
    for (let seed = 1; seed < 30; seed++) {
      const disk = diskWith(seed)
      disk.writeWhole('/d/a', bytes(8, 0))
      const file = disk.open('/d/a', 'update')
      file.write([bytes(8)], 0)
      disk.failAt(disk.operations + 1, 'EIO')
      throws(() => file.flush(), { code: 'EIO' })
      file.flush() // says "fine", as kernels do
      strictEqual(disk.readWhole('/d/a')[0], 1, 'the cache still shows it')
      disk.crash('keep')
      if (disk.readWhole('/d/a')[0] === 0) lost += 1
    }
    ok(lost > 5)
  })

  it('has a size, and takes part of what does not fit', () => {
    const disk = diskWith()
    disk.capacityOctets = 100
    const file = disk.open('/d/a', 'create')
    file.write([bytes(60)], 0)
    throws(() => file.write([bytes(60)], 60), { code: 'ENOSPC' })
    strictEqual(file.sizeOctets(), 100)
    strictEqual(disk.freeOctets('/d'), 0)
    file.write([bytes(50, 7)], 0)
    throws(() => file.allocate(101), { code: 'ENOSPC' })
    disk.remove('/d/a')
    strictEqual(disk.freeOctets('/d'), 100)
  })

  it('counts what changes something, and stops at the planned call', () => {
    const disk = diskWith()
    const file = disk.open('/d/a', 'create')
    strictEqual(disk.operations, 1)
    disk.failAt(3, 'crash-after')
    file.write([bytes(1)], 0)
    throws(() => file.flush(), SimulatedCrash)
    throws(() => disk.exists('/d/a'), SimulatedCrash)
    disk.crash('keep')
    strictEqual(disk.exists('/d/a'), true)
    throws(() => disk.open('/d/missing', 'read'), { code: 'ENOENT' })
    throws(() => disk.open('/d/a', 'create'), { code: 'EEXIST' })
  })

  it('a member that has gone fails every call below it', () => {
    const disk = diskWith()
    disk.writeWhole('/d/a', bytes(1))
    disk.setGone('/d', true)
    throws(() => disk.list('/d'), { code: 'EIO' })
    throws(() => disk.readWhole('/d/a'), { code: 'EIO' })
    disk.setGone('/d', false)
    disk.flip('/d/a', 0, 2)
    deepStrictEqual([...disk.readWhole('/d/a')], [3])
  })
})
