// A real file system in a file, that may die in several ways under a running server, and come back: shut down as by a
// power cut (every call answers EIO), mounted read-only, or unmounted from under it.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { missing } from '../harness/program.ts'

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'needs root for loop mounts'
  const without = missing('mkfs.ext4', 'xfs_io', 'losetup')
  if (without !== false) return `loop: ${without}`
  return spawnSync('losetup', ['-f']).status === 0 ? false : 'no loop devices'
}

export const noLoop: string | false = whyNot()

export type Death = 'io-errors' | 'read-only' | 'unmounted'

export class LoopDisk {
  readonly folder: string
  readonly #image: string

  private constructor(folder: string, image: string) {
    this.folder = folder
    this.#image = image
  }

  static mount(t: TestContext, size = '512M'): LoopDisk {
    const base = mkdtempSync(join(tmpdir(), 'daruma-loop-'))
    const disk = new LoopDisk(join(base, 'mnt'), join(base, 'disk.img'))
    mkdirSync(disk.folder)
    t.after(() => {
      for (let tries = 0; tries < 3 && spawnSync('mountpoint', ['-q', disk.folder]).status === 0; tries++) spawnSync('umount', ['-l', disk.folder])
      rmSync(base, { recursive: true, force: true })
    })
    run('truncate', ['-s', size, disk.#image])
    run('mkfs.ext4', ['-q', '-F', '-m', '0', disk.#image])
    disk.#mount()
    return disk
  }

  #mount(): void {
    run('mount', ['-o', 'loop,errors=remount-ro', this.#image, this.folder])
    // A mount that failed would leave the test filling the root disk.
    run('mountpoint', ['-q', this.folder])
  }

  die(how: Death): void {
    switch (how) {
      case 'io-errors':
        return run('xfs_io', ['-x', '-c', 'shutdown', this.folder])
      case 'read-only': {
        // An ordinary remount is refused while files are open for writing. The kernel does it by itself after an error in the file system.
        const device = spawnSync('findmnt', ['-no', 'SOURCE', this.folder], { encoding: 'utf8' }).stdout.trim().split('/').at(-1) as string
        return writeFileSync(`/sys/fs/ext4/${device}/trigger_fs_error`, 'test')
      }
      case 'unmounted':
        run('umount', ['-l', this.folder])
    }
  }

  /** A new, empty one in its place. */
  replace(): void {
    run('umount', ['-l', this.folder])
    run('mkfs.ext4', ['-q', '-F', '-m', '0', this.#image])
    this.#mount()
  }

  /** The disk is repaired, or put back. */
  comeBack(how: Death): void {
    if (how !== 'unmounted') run('umount', ['-l', this.folder])
    // What a dying owner still has open keeps the image busy for a moment.
    spawnSync('e2fsck', ['-fy', this.#image])
    this.#mount()
  }
}

function run(program: string, args: string[]): void {
  const done = spawnSync(program, args, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${done.stderr}${done.error?.message ?? ''}`)
}
