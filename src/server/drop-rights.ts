// Root becomes [run] user, or whoever the data belongs to. There is no way back.
import { understood, type Parsed } from '../base/errors.ts'
import { becomeOwnerOf, becomeUser, isRoot } from '../base/run-as.ts'
import type { Config } from '../config/config.ts'

export function dropRights(config: Config): Parsed<unknown> {
  if (!isRoot()) return understood(undefined)
  if (config.run.user !== undefined) return becomeUser(config.run.user)
  becomeOwnerOf(config.data)
  return understood(undefined)
}
