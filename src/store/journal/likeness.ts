// How a copy that was left behind stands to its original: whether it holds anything that must be kept for a person.
import type { Disk } from '../../base/disk.ts'
import { closeQuietly } from './close-quietly.ts'

export type Likeness =
  | 'same'
  /** Nothing of its own: what differs in it is zeros, or what it ends before. */
  | 'less'
  | 'different'

const SECTOR_OCTETS = 512

/** One slice of a copy beside the same slice of the original. */
export function likenessOf(copy: Uint8Array, original: Uint8Array): Likeness {
  if (Buffer.compare(copy, original) === 0) return 'same'
  for (let at = 0; at < copy.length; at += SECTOR_OCTETS) {
    const sector = copy.subarray(at, at + SECTOR_OCTETS)
    if (Buffer.compare(sector, original.subarray(at, at + sector.length)) !== 0 && sector.some((octet, index) => octet !== 0 && octet !== original[at + index])) return 'different'
  }
  return 'less'
}

const COMPARED_OCTETS = 1024 * 1024

/** Of whole files, at a start. */
export function holdsNothingOfItsOwn(disk: Disk, copy: string, original: string): boolean {
  const [a, b] = [disk.open(copy, 'read'), disk.open(original, 'read')]
  try {
    const [left, right] = [new Uint8Array(COMPARED_OCTETS), new Uint8Array(COMPARED_OCTETS)]
    for (let at = 0; ; at += COMPARED_OCTETS) {
      const own = a.read(left, at)
      if (own === 0) return true
      if (likenessOf(left.subarray(0, own), right.subarray(0, b.read(right, at))) === 'different') return false
    }
  } finally {
    closeQuietly(a)
    closeQuietly(b)
  }
}
