// How a dropped member comes to take part again, from the owner's side: it is filled behind the owner's back
// (mirror-filler.ts), and the last step is done in one turn of the owner, between two batches.
import type { AsyncDisk, Disk } from '../../base/disk.ts'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { returnDraft } from './member-records.ts'
import type { Member } from './members.ts'
import type { Membership } from './membership.ts'
import { completeFilling, type Filling, lacksSomething } from './mirror-files.ts'
import { fillMirror } from './mirror-filler.ts'
import { OutOfSpace, type RecordDraft } from './record.ts'
import type { SegmentSupply } from './segment-supply.ts'
import type { SegmentWriter } from './segment-writer.ts'

export interface ReturnHost {
  readonly disk: Disk
  readonly asyncDisk: AsyncDisk
  readonly clock: Clock
  readonly log: Log
  readonly members: Membership
  readonly supply: SegmentSupply
  readonly journalId: string
  readonly octetsPerSecondMax: number
  readonly signal: AbortSignal
  isDead(): boolean
  active(): SegmentWriter | undefined
  seal(segment: SegmentWriter): void
  /** Throws when the journal is dead, or has no room to record them. */
  settleDrops(): void
  /** Flushed on all who take part when it returns. */
  record(draft: RecordDraft): void
  lastSequence(): number
}

/** One after the other. Rejects only when the journal is dead. */
export async function returnEach(host: ReturnHost): Promise<void> {
  for (const member of host.members.dropped) {
    if (host.isDead() || host.signal.aborted) return
    await fillMirror({
      ...host, member,
      spares: () => host.supply.ready,
      active: () => {
        const active = host.active()
        return active && { name: active.name, tail: active.tail }
      },
      join: (filling) => joinNow(host, member, filling),
    })
  }
}

/**
 * The last of a return, in one turn: the active segment is sealed and copied to its end; a new one begins on all,
 * with the member; its return is recorded there, flushed on all, and then written to `members.json`. A crash
 * before that finds it still dropped, and it is brought level anew. False: it lacks something, go on copying.
 */
function joinNow(host: ReturnHost, member: Member, filling: Filling | undefined): boolean {
  const { disk, members } = host
  host.settleDrops()
  const active = host.active()
  if (active && filling?.name !== active.name) return false
  if (active) host.seal(active)
  if (active && filling) completeFilling(disk, members.in, member, filling)
  if (lacksSomething(disk, members.in, member)) return false
  host.supply.membersChanged()
  members.join(member)
  try {
    host.record(returnDraft(member.root, host.clock.nowMs()))
  } catch (error) {
    if (!(error instanceof OutOfSpace)) throw error
    members.leave(member, error.message)
    return false
  }
  // The file must say so before anything counts on it: if the others were lost next, it would be passed over as dropped.
  if (members.has(member) && !members.write(host.lastSequence())) members.fail(member, 'there was no room to write that it is back')
  host.settleDrops()
  if (!members.has(member)) return false
  members.welcome(member)
  return true
}
