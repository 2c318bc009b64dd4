// From where have people logged in to which account? One table for all threads, in shared memory, so that who logs in
// to read is known where it sends; it can be written down and read again (server/known-logins-file.ts). It holds keyed
// hashes, eight octets each: nobody learns an address or a name from it. Of a fixed size: where a place is full, who
// was seen longest ago is forgotten. Two threads that write at one moment may lose one entry, which the next login
// brings back.
import { createHmac } from 'node:crypto'

const WAYS = 8
const PLACES = 4096
const SLOTS = WAYS * PLACES
const OCTETS = 8
/** Behind the slots: counts what was added. */
const CHANGES = SLOTS
const EMPTY = 0n

export interface KnownLogins {
  /** Has somebody logged in to this account from there? */
  knows(neighbour: string, user: string): boolean
  /** Has anybody logged in to any account from there? */
  knowsNeighbour(neighbour: string): boolean
  add(neighbour: string, user: string): void
  /** Rises with each entry that is new. */
  readonly changes: number
  print(): Uint8Array
  /** What was printed before, put among what is known. Anything may come: the worst that it can do is to make nobody known. */
  take(bytes: Uint8Array): void
}

export function newKnownLoginsMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer((SLOTS + 1) * OCTETS)
}

/** `key`: secret, the same in all threads and after every start. */
export function knownLoginsIn(memory: SharedArrayBuffer, key: Uint8Array): KnownLogins {
  const slots = new BigUint64Array(memory)
  const hashOf = (text: string): bigint => createHmac('sha256', key).update('known login\0').update(text).digest().readBigUInt64LE(0) || 1n
  const firstOf = (hash: bigint): number => Number(hash % BigInt(PLACES)) * WAYS
  const at = (index: number): bigint => slots[index] ?? EMPTY
  const has = (hash: bigint): boolean => {
    const first = firstOf(hash)
    for (let way = 0; way < WAYS; way += 1) if (at(first + way) === hash) return true
    return false
  }
  /** To the front of its place; the last one there falls out. */
  const put = (hash: bigint): void => {
    const first = firstOf(hash)
    let way = 0
    while (way < WAYS - 1 && at(first + way) !== hash && at(first + way) !== EMPTY) way += 1
    if (at(first + way) !== hash) slots[CHANGES] = at(CHANGES) + 1n
    for (; way > 0; way -= 1) slots[first + way] = at(first + way - 1)
    slots[first] = hash
  }
  return {
    knows: (neighbour, user) => has(hashOf(`${neighbour} ${user}`)),
    knowsNeighbour: (neighbour) => has(hashOf(neighbour)),
    add(neighbour, user) {
      put(hashOf(`${neighbour} ${user}`))
      put(hashOf(neighbour))
    },
    get changes() {
      return Number(at(CHANGES))
    },
    print() {
      const found: bigint[] = []
      // The last of each place first: taken in this order, everything stands as it stood.
      for (let index = SLOTS - 1; index >= 0; index -= 1) if (at(index) !== EMPTY) found.push(at(index))
      const bytes = Buffer.alloc(found.length * OCTETS)
      found.forEach((hash, index) => bytes.writeBigUInt64LE(hash, index * OCTETS))
      return new Uint8Array(bytes)
    },
    take(bytes) {
      const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      for (let offset = 0; offset + OCTETS <= whole.length && offset < SLOTS * OCTETS; offset += OCTETS) {
        const hash = whole.readBigUInt64LE(offset)
        if (hash !== EMPTY) put(hash)
      }
    },
  }
}
