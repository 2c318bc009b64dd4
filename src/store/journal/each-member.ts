// One step done on every member of a journal, the failure of one judged apart from that of all: who fails
// alone, by a fault of its own, is left out from then on; where all fail, or the fault is nobody's (no room,
// no descriptors), the step has failed and whoever asked for it decides.
import { Outage } from '../../base/errors.ts'
import { isNoSpace } from './disk-fault.ts'
import type { Member } from './members.ts'

/** Told of each member that failed where others did not. True: go on without it. */
export type OnFault = (member: Member, error: Outage) => boolean

/** Those on which it was done, in their order. Every one is tried before anything is thrown. */
export function onEach<T extends { readonly member: Member }>(all: readonly T[], act: (one: T) => void, onFault: OnFault): readonly T[] {
  let failed: Map<T, Outage> | undefined
  for (const one of all) {
    try {
      act(one)
    } catch (error) {
      if (!(error instanceof Outage)) throw error
      failed ??= new Map<T, Outage>()
      failed.set(one, error)
    }
  }
  if (!failed) return all
  const without = failed
  const errors = [...failed.values()]
  // Of several reasons the one that passes by itself: nothing is lost by waiting.
  if (failed.size === all.length) throw errors.find(isNoSpace) ?? errors[0]
  let refused: Outage | undefined
  for (const [one, error] of failed) if (!onFault(one.member, error)) refused ??= error
  if (refused) throw refused
  return all.filter((one) => !without.has(one))
}
