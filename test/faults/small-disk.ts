// A small file system of its own for a test (tmpfs), that may be filled up without harm to anybody.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export const noMount = process.getuid?.() === 0 ? false : 'needs root to mount a small file system'

export class SmallDisk {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** Mounted at `at`, or at a folder of its own; unmounted when the test ends. */
  static mount(t: TestContext, options: { size: string; inodes?: number; at?: string }): SmallDisk {
    const folder = options.at ?? mkdtempSync(join(tmpdir(), 'daruma-small-'))
    mkdirSync(folder, { recursive: true })
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${options.size}${options.inodes === undefined ? '' : `,nr_inodes=${options.inodes}`}`, 'tmpfs', folder], { encoding: 'utf8' })
    // A mount that failed would leave the test filling the root disk.
    if (mounted.status !== 0 || spawnSync('mountpoint', ['-q', folder]).status !== 0) throw new Error(`mount: ${mounted.stderr}`)
    t.after(() => {
      spawnSync('umount', ['-l', folder])
      if (options.at === undefined) rmSync(folder, { recursive: true, force: true })
    })
    return new SmallDisk(folder)
  }

  /** Leaves so many octets free. */
  fill(leaveOctets = 0): void {
    const facts = statfsSync(this.folder)
    const octets = Math.max(0, facts.bavail * facts.bsize - leaveOctets)
    try {
      writeFileSync(join(this.folder, 'ballast'), Buffer.alloc(octets))
    } catch (error) {
      // What was counted free a moment ago has been used meanwhile: full is what was wanted.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
  empty(): void {
    rmSync(join(this.folder, 'ballast'), { force: true })
  }

  fillInodes(): void {
    mkdirSync(join(this.folder, 'ballast'))
    try {
      for (let i = 0; i < 100_000; i++) writeFileSync(join(this.folder, 'ballast', String(i)), '')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
  emptyInodes(): void {
    rmSync(join(this.folder, 'ballast'), { recursive: true, force: true })
  }
}
