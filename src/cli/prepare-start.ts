// What a server and its supervisor have in common when they start: the data directory, and the words for a start
// that was refused.
import { nodeDisk } from '../base/disk.ts'
import type { Refused } from '../base/errors.ts'
import { isRoot, lookUpUser, makeFolderFor } from '../base/run-as.ts'
import { EXIT, type ExitCode } from '../admin/admin.ts'
import type { LoadedConfig } from '../config/config.ts'
import { type Context, sayTrouble } from './command.ts'

/** The data directory is there and belongs to whom the server will be. */
export function prepareData(loaded: LoadedConfig): Refused | undefined {
  const { data, run } = loaded.config
  if (isRoot() && run.user !== undefined) {
    const ids = lookUpUser(run.user)
    if (!ids.ok) return { ...ids, reason: `[run] user: ${ids.reason}` }
    makeFolderFor(data, ids.value)
  }
  nodeDisk.makeDirectory(data)
  return undefined
}

export function startRefused(context: Context, loaded: LoadedConfig, why: Refused): ExitCode {
  const { say } = context
  const [door = '', where = ''] = why.reason.split(' ')
  switch (why.code) {
    case 'already-owned':
      sayTrouble(context, say.alreadyOwned(loaded.config.data))
      return EXIT.tryAgain
    case 'port-taken':
      sayTrouble(context, say.portTaken(door, where))
      return EXIT.unavailable
    case 'port-not-allowed':
    case 'address-not-here':
    case 'family-not-here':
      sayTrouble(context, say.startFailed(why.reason))
      return EXIT.unavailable
    case 'no-such-user':
    case 'bad-certificate':
      sayTrouble(context, say.startFailed(why.reason))
      return EXIT.config
    case 'lock-failed':
    case 'start-failed':
      sayTrouble(context, say.startFailed(why.reason))
      return EXIT.io
    default:
      sayTrouble(context, say.startFailed(why.reason))
      return EXIT.failed
  }
}
