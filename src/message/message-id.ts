// Makes Message-ID values (RFC 5322 §3.6.4) for what we write and for submitted mail that has none.
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'

/** `<time.chance@domain>`; 80 bits of chance, so that clocks and machines need not agree. */
export function generateMessageId(domain: string, clock: Clock, random: Random): string {
  const chance = Buffer.from(random.bytes(10)).toString('hex')
  return `<${Math.floor(clock.nowMs()).toString(36)}.${chance}@${domain}>`
}
