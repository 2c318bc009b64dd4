// The running hash of what a mailbox has handed out: every UID with its modseq, in order. Two
// replays that handed out the same numbers have the same hash; facts records compare it (STORE.md,
// Applying 7). Small numbers on purpose: both engines and JavaScript work it out exactly.

const FACTOR = 1_000_003
const UID_FACTOR = 8191
const MODULUS = 2_147_483_647

export function mixRunning(running: number, uid: number, modseq: number): number {
  // At most 2^31 · 2^20 + 2^32 · 2^13 + modseq: below 2^53.
  return (running * FACTOR + uid * UID_FACTOR + modseq) % MODULUS
}

/** The same step in SQL, where the UID handed out is `uid_next` and the modseq a parameter. */
export function mixRunningSql(modseqParameter: string): string {
  return `(running * ${FACTOR} + uid_next * ${UID_FACTOR} + cast(${modseqParameter} as bigint)) % ${MODULUS}`
}
