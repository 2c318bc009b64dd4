// Asks about maintenance and incidents: the supervisor if one runs, otherwise the files themselves. They are small and
// written whole, so no lock on the data is needed for them; what was planned there is acted on by the next supervisor.
import { join } from 'node:path'
import { nodeDisk } from '../base/disk.ts'
import { sameText } from '../base/language.ts'
import { createLog } from '../base/log.ts'
import { type Answer, EXIT, type ExitCode, type WatchArgumentsOf, type WatchDesk, type WatchOperationName, type WatchResultOf, performWatch, readingWatchOperations, refused } from '../admin/admin.ts'
import type { Config } from '../config/config.ts'
import { INCIDENTS_FILE, openIncidentBook } from '../health/health.ts'
import { openWindowBook, readTraffic } from '../maintenance/maintenance.ts'
import { becomeTheServersUser } from './ask-office.ts'
import { askSupervisor } from './ask-supervisor.ts'
import { type Context, sayTrouble } from './command.ts'
import { loadConfig } from './load-config.ts'

/** The answer's result, or the exit code after the refusal has been said on standard error. */
export async function askWatch<N extends WatchOperationName>(context: Context, name: N, args: WatchArgumentsOf<N>): Promise<{ ok: true; result: WatchResultOf<N> } | { ok: false; exit: ExitCode }> {
  const found = loadConfig(context)
  if (!found.ok) return found
  const { config } = found.loaded
  const asked = await askSupervisor(context, config, name, args)
  const answer = asked === 'nobody' ? await askFiles(context, config, name, args) : asked
  if (!answer.ok) {
    sayTrouble(context, answer.reason[context.language])
    return { ok: false, exit: answer.exit }
  }
  if (asked === 'nobody' && !readingWatchOperations.has(name)) sayTrouble(context, context.say.onFilesOnly)
  // The operation's own table says what it answers; over the socket it comes as JSON of the same shape.
  return { ok: true, result: answer.result as WatchResultOf<N> }
}

async function askFiles(context: Context, config: Config, name: WatchOperationName, args: unknown): Promise<Answer<unknown>> {
  if (!nodeDisk.exists(config.data)) return refused('no-data', sameText(context.say.noData(config.data)), EXIT.unavailable)
  if (!readingWatchOperations.has(name)) {
    const became = becomeTheServersUser(config)
    if (became) return became
  }
  const { clock } = context
  const log = createLog({ clock, level: 'warn', sink: (line) => context.err(line) })
  const books = { directory: config.data, disk: nodeDisk, clock, log }
  const desk: WatchDesk = {
    clock, windows: openWindowBook(books), traffic: { hours: () => readTraffic(nodeDisk, join(config.data, 'status', 'traffic.json')) }, maintenance: undefined, changed: () => undefined,
    incidents: {
      // A book that is torn is written anew when it is opened: not for a reader.
      list: (options) => (nodeDisk.exists(join(config.data, INCIDENTS_FILE)) ? openIncidentBook({ ...books, isReader: true }).list(options) : []),
    },
  }
  return performWatch(desk, name, args)
}
