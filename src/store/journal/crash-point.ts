// Named moments at which a test kills the process: before and after each write, flush, rename and
// creation of the journal, and of what is made from it: flushes of databases and their snapshots. In production the hook does nothing. The names are a list, so that the
// torture can go through all of them.

export const CRASH_STEPS = [
  'append-write', 'append-flush',
  'close-write', 'close-flush',
  'seal-write', 'seal-truncate', 'seal-flush',
  'spare-create', 'spare-allocate', 'spare-flush', 'spare-rename', 'spare-flush-directory',
  'segment-take', 'segment-write', 'segment-flush', 'segment-rename', 'segment-flush-directory',
  'recover-create', 'recover-allocate', 'recover-write', 'recover-flush', 'recover-rename', 'recover-flush-directory',
  'retire-keep-cut', 'retire-rename', 'retire-flush-directory', 'retire-remove',
  'heal-write', 'heal-flush',
  'members-write',
  'large-create', 'large-write', 'large-flush', 'large-close', 'large-rename', 'large-flush-directory', 'large-remove',
  'apply-commit', 'apply-set-aside', 'apply-make', 'apply-mark-building', 'apply-mark-whole',
  'database-flush', 'database-flush-directory', 'database-facts', 'database-watermark',
  'snapshot-copy', 'snapshot-examine', 'snapshot-flush', 'snapshot-rename', 'snapshot-flush-directory', 'snapshot-remove', 'snapshot-place',
] as const

/** Those of adopting what an understudy took (server/adoption.ts); they come by only when there is something. */
export const ADOPTION_STEPS = ['adopt-open', 'adopt-accept', 'adopt-through', 'adopt-remove', 'adopt-aside'] as const

export type CrashStep = (typeof CRASH_STEPS)[number] | (typeof ADOPTION_STEPS)[number]
export type CrashPointName = `${CrashStep}:before` | `${CrashStep}:after`

/** Called with the name of the moment. It returns, or the process is gone. */
export type CrashPoint = (name: CrashPointName) => void

export const noCrashPoint: CrashPoint = () => {}

/** Does one step with its two moments around it. */
export function step<T>(crashPoint: CrashPoint, name: CrashStep, act: () => T): T {
  crashPoint(`${name}:before`)
  const result = act()
  crashPoint(`${name}:after`)
  return result
}

/** The same for a step that is waited for. */
export async function stepAsync<T>(crashPoint: CrashPoint, name: CrashStep, act: () => Promise<T>): Promise<T> {
  crashPoint(`${name}:before`)
  const result = await act()
  crashPoint(`${name}:after`)
  return result
}
