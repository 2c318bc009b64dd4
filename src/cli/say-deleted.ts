// What a command says when an address was deleted, and what still names it.
import type { Deleted } from '../admin/admin.ts'
import { type Context, sayLine, sayTrouble } from './command.ts'

export function sayDeleted(context: Context, { address, stillNamedBy }: Deleted): void {
  sayLine(context, context.say.deleted(address))
  for (const left of stillNamedBy) sayTrouble(context, left.leadsNowhere ? context.say.leadsNowhere(left.address, address) : context.say.stillNames(left.address, address))
}
