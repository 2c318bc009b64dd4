// Chance comes in through this interface, so that a test can repeat a run from its seed.
import { randomBytes, randomInt } from 'node:crypto'

export interface Random {
  /** A whole number from 0 up to, and without, `below`. */
  int(below: number): number
  bytes(count: number): Uint8Array
}

export const systemRandom: Random = {
  int: (below) => randomInt(below),
  bytes: (count) => new Uint8Array(randomBytes(count)),
}

/** Repeatable chance from a seed (mulberry32). For tests and torture only, never for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return {
    int: (below) => Math.floor(next() * below),
    bytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(next() * 256)),
  }
}

const PASSWORD_LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'

/** A password that can be read over the telephone: five groups of four, about 99 bits. */
export function generatedPassword(random: Random): string {
  const group = () => Array.from({ length: 4 }, () => PASSWORD_LETTERS[random.int(PASSWORD_LETTERS.length)]).join('')
  return Array.from({ length: 5 }, group).join('-')
}
