// The records that say who takes part: written by the journal itself, applied by no database.
import { bytesOf, textOf } from '../../base/bytes.ts'
import type { Drop } from './membership.ts'
import type { RecordDraft } from './record.ts'

/** The version of both metas (docs/FORMAT.md). */
const META_VERSION = 1

/** The member takes no part from here on. */
export function dropDraft({ member, because, lastGood }: Drop, timeMs: number): RecordDraft {
  return draft('mirror-drop', timeMs, { kind: 'mirror-drop', member, because, lastGood })
}

/** It takes part again: it holds this record too. */
export function returnDraft(member: string, timeMs: number): RecordDraft {
  return draft('mirror-return', timeMs, { kind: 'mirror-return', member })
}

/** Which member a record of these two types is about; undefined for a meta that says nothing of the kind. */
export function memberNamedIn(meta: Uint8Array): string | undefined {
  try {
    const value: unknown = JSON.parse(textOf(meta))
    const member = typeof value === 'object' && value !== null && 'member' in value ? value.member : undefined
    return typeof member === 'string' ? member : undefined
  } catch {
    return undefined
  }
}

/** May use the reserve: without it nothing could be answered on a full disk. */
function draft(type: 'mirror-drop' | 'mirror-return', timeMs: number, meta: object): RecordDraft {
  return { type, version: META_VERSION, timeMs, databases: [], meta: bytesOf(JSON.stringify(meta)), reserved: true }
}
