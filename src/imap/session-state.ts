// Where a session stands (RFC 3501 §3). Each state carries what it needs, so that "fetch without a mailbox"
// cannot be written.
import type { AccountId, AccountReader } from '../store/store.ts'
import type { SequenceTracker } from './sequence-tracker.ts'
import type { SharedView } from './view-keeper.ts'

export interface User {
  readonly account: AccountId
  readonly address: string
  readonly reader: AccountReader
}

export interface SelectedMailbox {
  readonly name: string
  readonly shared: SharedView
  readonly tracker: SequenceTracker
}

export type SessionState =
  | { readonly at: 'not-authenticated' }
  | { readonly at: 'authenticated'; readonly user: User }
  | { readonly at: 'selected'; readonly user: User; readonly selected: SelectedMailbox }
  | { readonly at: 'logout' }

/** What the client has enabled or shown that it understands. */
export interface Enabled {
  /** RFC 7162 §3.1: MODSEQ in every FETCH that tells flags. */
  condstore: boolean
  /** RFC 7162 §3.2: VANISHED instead of EXPUNGE. */
  qresync: boolean
  /** RFC 6855. */
  utf8: boolean
}
