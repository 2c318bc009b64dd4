// How many message octets one thread holds at one moment. Who gets no room uses a file.

export interface MemoryBudget {
  /** False: there is no room. */
  reserve(octets: number): boolean
  release(octets: number): void
  readonly usedOctets: number
}

export function createMemoryBudget(octetsMax: number): MemoryBudget {
  let used = 0
  return {
    reserve(octets) {
      if (used + octets > octetsMax) return false
      used += octets
      return true
    },
    release(octets) {
      used -= octets
    },
    get usedOctets() {
      return used
    },
  }
}
