// What a journal is opened with, and what a start hands to the journal that it has opened.
import type { Clock } from '../../base/clock.ts'
import type { AsyncDisk, Disk } from '../../base/disk.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { CrashPoint } from './crash-point.ts'
import type { MemberFacts, Membership } from './membership.ts'
import type { OnDamage, Watermark } from './record.ts'
import type { EpochEnd } from './segment-header.ts'
import type { SegmentWriter } from './segment-writer.ts'
import type { Spares } from './spares.ts'

export interface JournalOptions {
  /** Holds `journal/`, `large/` and, perhaps, `intake/`. */
  dataDirectory: string
  /** Folders on other disks that hold the same; `journal/` and `large/` are made in them. */
  mirrors?: readonly string[]
  segmentSizeOctets?: number
  /** Starts although a member is missing. A mirror that is missing is left out, the data folder is filled again. */
  acceptLoss?: boolean
  /** Mirrors that were dropped, are empty or were left behind are filled at once and take part; without it `returnMirrors` does it behind. */
  fillMirrors?: boolean
  /** A mirror without room is dropped, instead of everything being refused. */
  dropFullMirrors?: boolean
  /** Octets that `returnMirrors` copies in a second, at most. */
  fillOctetsPerSecondMax?: number
  /** Told when a member is dropped, comes back, or has got on with it. */
  onMembers?: (facts: readonly MemberFacts[]) => void
  disk: Disk
  /** Makes the next segment while the owner goes on. Without one it is made in `tend`. The machine's disk has one by itself. */
  asyncDisk?: AsyncDisk
  clock: Clock
  random: Random
  log: Log
  crashPoint?: CrashPoint
  onDamage?: OnDamage
}

export interface JournalStart {
  readonly members: Membership
  readonly journalId: Uint8Array
  readonly active: SegmentWriter
  readonly spares: Spares
  readonly epoch: number
  readonly nextSequence: number
  readonly lastSequence: number
  readonly epochEnds: readonly EpochEnd[]
  readonly watermark: Watermark
}
