// The bytes of one record from the object store. Their SHA-256 is checked before the first octet is given.
import { createHash, hash } from 'node:crypto'
import { Outage } from '../../base/errors.ts'
import { equalBytes } from '../../base/bytes.ts'
import type { BodySource } from '../store.ts'
import type { ObjectStore } from './object-store.ts'

const READ_OCTETS_MAX = 1024 * 1024

export interface BodyRow {
  object_key: string
  octets: number
  sha256: Uint8Array
}

export async function openStoredBody(objects: ObjectStore, row: BodyRow, wholeOctetsMax: number): Promise<BodySource> {
  const { object_key: key, octets } = row
  if (octets <= wholeOctetsMax) {
    const bytes = await objects.get(key, 0, octets)
    check(bytes.length === octets && equalBytes(hash('sha256', bytes, 'buffer'), row.sha256), key)
    return {
      sizeOctets: octets,
      read: async (offset, length) => bytes.subarray(offset, Math.min(offset + Math.min(length, READ_OCTETS_MAX), octets)),
      whole: () => bytes,
      close: () => {},
    }
  }
  const sum = createHash('sha256')
  for (let at = 0; at < octets; at += READ_OCTETS_MAX) sum.update(await objects.get(key, at, Math.min(READ_OCTETS_MAX, octets - at)))
  check(equalBytes(sum.digest(), row.sha256), key)
  return {
    sizeOctets: octets,
    read: (offset, length) => objects.get(key, offset, Math.max(0, Math.min(length, READ_OCTETS_MAX, octets - offset))),
    whole: () => undefined,
    close: () => {},
  }
}

function check(matches: boolean, key: string): void {
  if (!matches) {
    throw new Outage(`the object ${key} does not match its hash: it is not served`, {
      operation: 'read', path: key, code: 'DAMAGED', hint: 'restore this message from a backup',
    })
  }
}
