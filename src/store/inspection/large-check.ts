// Message files in `large/`: each against the SHA-256 of its record, on every member, and those that no record names.
import { join } from 'node:path'
import type { AsyncDisk, Disk } from '../../base/disk.ts'
import { openLargeBody, VerifiedNames } from '../journal/body-source.ts'
import { noCrashPoint } from '../journal/crash-point.ts'
import { listUnnamedLarge } from '../journal/large-writer.ts'
import type { Member } from '../journal/members.ts'
import type { Fault } from './fault.ts'
import type { NamedLarge } from './segment-check.ts'

export interface LargeCheckOptions {
  disk: Disk
  asyncDisk: AsyncDisk
  members: readonly Member[]
  heal: boolean
  mayMend: (path: string) => boolean
  onFault: (fault: Fault) => void
  pace: (octets: number) => Promise<void>
}

export async function checkLarge(large: NamedLarge, options: LargeCheckOptions): Promise<void> {
  const { disk, asyncDisk, members } = options
  const look = (paths: readonly string[], mayMend: (path: string) => boolean, onHealed: (path: string) => void) =>
    openLargeBody({
      disk, asyncDisk, paths, start: 0, length: large.length, sha256: large.sha256, verified: new VerifiedNames(), key: large.name, exact: true,
      mayMend, crashPoint: noCrashPoint, onDamage: (damage) => damage.outcome === 'healed' && onHealed(damage.path),
    })
  const good: string[] = []
  const bad: string[] = []
  for (const member of members) {
    const path = join(member.large, large.name)
    const whole = await look([path], () => false, () => {})
    ;(whole ? good : bad).push(path)
    await options.pace(large.length)
  }
  for (const path of bad) {
    let healed = false
    if (options.heal && good.length > 0) await look([path, ...good], (other) => other === path && options.mayMend(path), () => (healed = true))
    options.onFault({ code: 'large-bytes', path, elsewhere: good.length > 0, healed, sequence: large.sequence })
  }
}

/** Only those from before `beforeMs`: younger ones may still get their record. */
export function unnamedLarge(isNamed: (name: string) => boolean, beforeMs: number, { disk, members }: Pick<LargeCheckOptions, 'disk' | 'members'>): string[] {
  return listUnnamedLarge(disk, members.map(({ root }) => root), isNamed)
    .filter((path) => !path.endsWith('.unnamed') && (disk.facts(path)?.modifiedMs ?? Infinity) < beforeMs)
}
