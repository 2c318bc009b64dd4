// A file system that can be cut off as a power failure does it: a loop image whose kernel file system is
// shut down (xfs_io -x -c shutdown) under the running server, unmounted, and mounted again. What was
// flushed is there, what was not is gone.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const IMAGE_SIZE = '6G'

export class PowerCutDisk {
  readonly mountPoint: string
  readonly #folder: string
  readonly #image: string
  #mounted = false

  private constructor(folder: string) {
    this.#folder = folder
    this.#image = join(folder, 'disk.img')
    this.mountPoint = join(folder, 'mnt')
  }

  static make(fs: 'xfs' | 'ext4'): PowerCutDisk {
    const disk = new PowerCutDisk(mkdtempSync(join(tmpdir(), 'daruma-disk-')))
    run('truncate', ['-s', IMAGE_SIZE, disk.#image])
    if (fs === 'xfs') run('mkfs.xfs', ['-q', disk.#image])
    else run('mkfs.ext4', ['-q', '-F', disk.#image])
    mkdirSync(disk.mountPoint)
    disk.#mount()
    return disk
  }

  #mount(): void {
    run('mount', ['-o', 'loop', this.#image, this.mountPoint])
    // A failed mount would leave the tests writing to the root disk.
    run('mountpoint', ['-q', this.mountPoint])
    this.#mounted = true
  }

  flush(): void {
    run('sync', ['-f', this.mountPoint])
  }

  /** The lights go out. Everything on it answers EIO from here on. */
  cut(): void {
    run('xfs_io', ['-x', '-c', 'shutdown', this.mountPoint])
  }

  /** After the processes that used it are gone: what the disk still holds. */
  restore(): void {
    this.#unmount()
    this.#mount()
  }

  #unmount(): void {
    if (!this.#mounted) return
    for (let tries = 0; ; tries++) {
      const done = spawnSync('umount', [this.mountPoint])
      if (done.status === 0) break
      if (tries > 50) throw new Error(`umount ${this.mountPoint}: ${done.stderr.toString()}`)
      spawnSync('sleep', ['0.1'])
    }
    this.#mounted = false
  }

  dispose(): void {
    this.#unmount()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

export function rootAndLoop(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  if (spawnSync('losetup', ['-f']).status !== 0) return 'needs loop devices'
  for (const tool of ['xfs_io', 'mkfs.xfs', 'mkfs.ext4']) if (spawnSync(tool, ['-V']).error) return `needs ${tool} for a loop image`
  return undefined
}

function run(command: string, args: readonly string[]): void {
  const done = spawnSync(command, args, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr}${done.error?.message ?? ''}`)
}
