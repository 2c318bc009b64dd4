// Special uses of mailboxes (RFC 6154) on the wire and in the store.
import type { SpecialUse } from '../store/store.ts'

const USES: readonly (readonly [role: SpecialUse, attribute: string])[] = [
  ['all', '\\All'], ['archive', '\\Archive'], ['drafts', '\\Drafts'], ['flagged', '\\Flagged'], ['junk', '\\Junk'], ['sent', '\\Sent'], ['trash', '\\Trash'],
]

/** By attribute in lower case. */
export const ROLES: ReadonlyMap<string, SpecialUse> = new Map(USES.map(([role, attribute]) => [attribute.toLowerCase(), role]))
/** INBOX has its name and no attribute. */
export const ATTRIBUTES: ReadonlyMap<SpecialUse, string> = new Map(USES)
