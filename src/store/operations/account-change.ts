// Which operation a change of an account is. One line for each kind, so that a kind without an operation does not compile.
import type { AccountChange, Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { applyAppend } from './append.ts'
import type { Context } from './context.ts'
import { applyCopy } from './copy.ts'
import { applyCreateMailbox } from './create-mailbox.ts'
import { applyDeleteMailbox } from './delete-mailbox.ts'
import { applyExpunge } from './expunge.ts'
import { applyOpenAccount } from './open-account.ts'
import { applyOutboxDone } from './outbox-done.ts'
import { applyRaiseUidValidity } from './raise-uid-validity.ts'
import { applyRenameMailbox } from './rename-mailbox.ts'
import { applySetQuota } from './set-quota.ts'
import { applyStoreFlags } from './store-flags.ts'
import { applySubscribe } from './subscribe.ts'
import { applyUndoGroup } from './undo-group.ts'

export async function applyAccountChange(tx: Tx, context: Context, change: AccountChange, bodyOctets: number): Promise<Outcome<unknown>> {
  switch (change.kind) {
    case 'open-account': return applyOpenAccount(tx, context, change)
    case 'create-mailbox': return applyCreateMailbox(tx, context, change)
    case 'rename-mailbox': return applyRenameMailbox(tx, context, change)
    case 'delete-mailbox': return applyDeleteMailbox(tx, context, change)
    case 'subscribe': return applySubscribe(tx, context, change)
    case 'append': return applyAppend(tx, context, change, bodyOctets)
    case 'store-flags': return applyStoreFlags(tx, context, change)
    case 'copy': return applyCopy(tx, context, change)
    case 'undo-group': return applyUndoGroup(tx, context, change)
    case 'expunge': return applyExpunge(tx, context, change)
    case 'set-quota': return applySetQuota(tx, context, change.octetsMax)
    case 'outbox-done': return applyOutboxDone(tx, context, change)
    case 'raise-uid-validity': return applyRaiseUidValidity(tx, context, change)
  }
}
