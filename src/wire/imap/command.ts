// What a client can ask, after parsing: one type for each command, no text of the protocol left in it.
// Flags are written as the protocol prints them (`\Seen`, `$Forwarded`); names of mailboxes are Unicode.
import type { InternalDate } from './dates.ts'
import type { FetchCommand } from './parse-fetch.ts'
import type { ListCommand } from './parse-list.ts'
import type { SearchCommand } from './parse-search.ts'
import type { SelectCommand } from './parse-select.ts'
import type { StatusCommand } from './parse-status.ts'
import type { StoreCommand } from './parse-store.ts'
import type { SequenceSet } from './sequence-set.ts'

export type Command =
  | { readonly name: 'CAPABILITY' | 'NOOP' | 'LOGOUT' | 'STARTTLS' | 'CHECK' | 'CLOSE' | 'UNSELECT' | 'NAMESPACE' | 'IDLE' }
  | { readonly name: 'LOGIN'; readonly user: Uint8Array; readonly password: Uint8Array }
  /** `initial`: base64 as it came; "=" is the empty response (RFC 4959). */
  | { readonly name: 'AUTHENTICATE'; readonly mechanism: string; readonly initial: string | undefined }
  | { readonly name: 'ID'; readonly fields: ReadonlyMap<string, string> }
  | { readonly name: 'ENABLE'; readonly capabilities: readonly string[] }
  | SelectCommand
  | { readonly name: 'CREATE'; readonly mailbox: string; readonly uses: readonly string[] }
  | { readonly name: 'DELETE' | 'SUBSCRIBE' | 'UNSUBSCRIBE'; readonly mailbox: string }
  | { readonly name: 'RENAME'; readonly from: string; readonly to: string }
  | ListCommand
  | StatusCommand
  /** `set` is there for UID EXPUNGE (RFC 4315). */
  | { readonly name: 'EXPUNGE'; readonly set: SequenceSet | undefined }
  | SearchCommand
  | FetchCommand
  | StoreCommand
  | { readonly name: 'COPY' | 'MOVE'; readonly uid: boolean; readonly set: SequenceSet; readonly mailbox: string }

export type CommandName = Command['name'] | 'APPEND'

/** APPEND up to the announcement of its first message; later messages have no mailbox of their own. */
export interface AppendHead {
  readonly tag: string
  readonly mailbox: string
  readonly message: AppendMessageHead
}

export interface AppendMessageHead {
  readonly flags: readonly string[]
  readonly date: InternalDate | undefined
  /** The message stands inside `UTF8 (…)` (RFC 6855 §4). */
  readonly utf8: boolean
}

export interface TaggedCommand {
  readonly tag: string
  readonly command: Command
}
