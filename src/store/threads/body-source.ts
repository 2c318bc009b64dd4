// Message bytes as doors read them: by range, checked against their SHA-256 before the first octet.
import { limitDefaults } from '../../base/limits.ts'
import type { JournalReader } from '../journal/journal-reader.ts'
import type { Sequence } from '../ids.ts'
import type { BodySource } from '../store.ts'

export async function openBodySource(reader: JournalReader, message: Sequence): Promise<BodySource> {
  const body = await reader.openBody(message)
  return {
    sizeOctets: body.length,
    read: (offset, length) => Promise.resolve(body.read(offset, length)),
    whole: () => (body.length <= limitDefaults.large_message_octets ? body.read(0, body.length) : undefined),
    close() {},
  }
}
