// Whose word counts at a start, who takes part, and who must be missing without harm (STORE.md, Journal 9).
// No member is believed that others went on without; where nobody can tell, the start is refused until a
// person accepts the loss.
import type { JournalOptions } from './journal-options.ts'
import { type Member, MemberMissing, memberOf, type MemberState, readViews } from './members.ts'
import type { Standing } from './membership.ts'
import { entryOf, type FoundView, type MembersView, newestView } from './members-view.ts'
import { mountPointOf } from './mount-point.ts'

/** The newest word of who takes part. Two owners that went on without each other must be told apart by a person. */
export function viewThatCounts(options: JournalOptions, members: readonly Member[]): FoundView | undefined {
  const { disk, log } = options
  const warn = (sentence: string) => log.warn(sentence)
  const own = readViews(disk, members, warn)
  // One that takes part and is not configured any more may have gone on alone: its word is asked too.
  const strangers = new Set(own.flatMap(({ view }) => view.members.filter((entry) => entry.state === 'in').map(({ root }) => root)))
  for (const { root } of members) strangers.delete(root)
  const theirs = readViews(disk, [...strangers].map(memberOf), warn)
  const { newest, split } = newestView([...own, ...theirs])
  const silent = [...strangers].find((root) => entryOf(newest?.view, root)?.state === 'in' && !theirs.some((found) => found.root === root))
  if (silent !== undefined && !options.acceptLoss) {
    throw new MemberMissing(`${silent} takes part in the journal, but is not configured any more and cannot be read: nobody can tell whether it went on without the others`, {
      operation: 'open', path: silent, hint: 'mount it for one start, or start once with --accept-loss to go on without what only it may have held',
    })
  }
  if (newest && split && !options.acceptLoss) {
    throw new MemberMissing(`${newest.root} and ${split.root} have gone on without each other in epoch ${newest.view.epoch}`, {
      operation: 'open', path: split.root, hint: `take one of them out of the configuration, or start once with --accept-loss to go on with ${newest.root}; what only the other has is kept there as *.surplus`,
    })
  }
  return newest
}

/** How a member stands when the owner begins. */
export function standingOf(
  options: JournalOptions, { state, leftOut, lastSequence, view }: { state: MemberState; leftOut: readonly { root: string; why: string }[]; lastSequence: number; view: MembersView | undefined },
): Standing {
  const { member, dropped } = state
  const why = leftOut.find(({ root }) => root === member.root)?.why
  if (why === undefined) return { member, state: 'in', because: '', sinceMs: 0, lastGood: lastSequence, mountPoint: mountPointOf(options.disk, member.root) }
  return {
    member, state: 'dropped', because: dropped?.because ?? why, sinceMs: dropped?.sinceMs || options.clock.nowMs(), lastGood: dropped?.lastGood ?? 0,
    // Of one that nobody has written down yet: what is there now.
    mountPoint: entryOf(view, member.root)?.mountPoint ?? mountPointOf(options.disk, member.root),
  }
}

/** Who takes part, and who is brought up to the others first. Throws when one is missing and that was not accepted. */
export function chooseMembers(options: JournalOptions, states: readonly MemberState[]) {
  const missing = states.filter((state) => state.missing !== undefined)
  if (missing.length > 0 && !options.acceptLoss) {
    throw new MemberMissing(missing.map((state) => state.missing).join('; '), {
      operation: 'open', path: (missing[0] as MemberState).member.root,
      hint: 'bring the disk back, or start once with --accept-loss to go on without what only it may have held',
    })
  }
  const filled: MemberState[] = []
  const leftOut: { root: string; why: string }[] = []
  for (const state of states) {
    const why = state.missing ?? (state.dropped && `it was dropped: ${state.dropped.because}`)
    if (why === undefined) continue
    const isData = state === states[0]
    if (isData && !state.available) throw new MemberMissing(why, { operation: 'open', path: state.member.root, hint: 'the data folder itself is needed' })
    if (state.available && (isData || options.fillMirrors)) filled.push(state)
    else leftOut.push({ root: state.member.root, why })
  }
  const present = states.filter((state) => state.missing === undefined && !state.dropped)
  if (present.length === 0) {
    throw new MemberMissing(`no copy of the journal is left that takes part: ${states.map((state) => state.missing ?? `${state.member.root} was dropped`).join('; ')}`, {
      operation: 'open', path: (states[0] as MemberState).member.root, hint: 'bring back the disk that went on last',
    })
  }
  return { present, filled, leftOut }
}
