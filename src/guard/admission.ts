// Who may come in by a door, judged by how many are inside: all together, and from one address
// (IPv6: one /64, which is one customer). The first and simplest form; it costs one look into a map.

export interface AdmissionLimits {
  connectionsMax: number
  connectionsPerAddressMax: number
}

export interface Admission {
  /** `keepFree`: places that this one may not take, since they are for others. */
  judge(remoteAddress: string, keepFree?: number): 'go' | 'too-many' | 'too-many-from-you'
  /** Somebody was let in; the answer is to be called once, when the connection has gone. */
  enter(remoteAddress: string): () => void
  readonly inside: number
  setLimits(limits: AdmissionLimits): void
}

export function createAdmission(given: AdmissionLimits): Admission {
  let limits = given
  let inside = 0
  const byAddress = new Map<string, number>()
  return {
    judge(remoteAddress, keepFree = 0) {
      if (inside >= limits.connectionsMax - keepFree) return 'too-many'
      return (byAddress.get(neighbourKey(remoteAddress)) ?? 0) >= limits.connectionsPerAddressMax ? 'too-many-from-you' : 'go'
    },
    enter(remoteAddress) {
      const key = neighbourKey(remoteAddress)
      inside += 1
      byAddress.set(key, (byAddress.get(key) ?? 0) + 1)
      let gone = false
      return () => {
        if (gone) return
        gone = true
        inside -= 1
        const left = (byAddress.get(key) ?? 1) - 1
        if (left > 0) byAddress.set(key, left)
        else byAddress.delete(key)
      }
    },
    get inside() {
      return inside
    },
    setLimits(next) {
      limits = next
    },
  }
}

/** The first four groups of an IPv6 address, an IPv4 address as it is. */
function neighbourKey(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::', 2)
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':')
    while (groups.length + after.length < 8) groups.push('0')
    groups.push(...after)
  }
  return groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, '')).join(':')
}
