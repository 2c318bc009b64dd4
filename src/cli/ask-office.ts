// Has an operation carried out: by the running server if there is one, otherwise by this process, which
// becomes the owner of the data for that moment (lock, replay, record, apply).
import { join } from 'node:path'
import { nodeDisk } from '../base/disk.ts'
import { sameText } from '../base/language.ts'
import { type LogLevel, createLog } from '../base/log.ts'
import { becomeOwnerOf, becomeUser, isRoot, lookUpUser, makeFolderFor } from '../base/run-as.ts'
import { type Answer, type ArgumentsOf, type ExitCode, type Office, type OperationName, type Refusal, type ResultOf, CONTROL_SOCKET, EXIT, perform, readingOperations, refusalOf, refused } from '../admin/admin.ts'
import type { Config } from '../config/config.ts'
import { type Context, sayTrouble } from './command.ts'
import { askServer } from './control-client.ts'
import { loadConfig } from './load-config.ts'

/** How long a starting server or another command may hold the data before this one gives up. */
const BUSY_MS = 10_000
const BUSY_STEP_MS = 100

/** What answers only in a running server. */
const SERVER_ONLY: ReadonlySet<OperationName> = new Set(['status', 'reload', 'stop'])

/** The answer's result, or the exit code after the refusal has been said on standard error. */
export async function askOffice<N extends OperationName>(context: Context, name: N, args: ArgumentsOf<N>): Promise<{ ok: true; result: ResultOf<N> } | { ok: false; exit: ExitCode }> {
  const found = loadConfig(context)
  if (!found.ok) return found
  const answer = await answerTo(context, found.loaded.config, name, args)
  // The operation's own table says what it answers; over the socket it comes as JSON of the same shape.
  if (answer.ok) return { ok: true, result: answer.result as ResultOf<N> }
  sayTrouble(context, answer.reason[context.language])
  return { ok: false, exit: answer.exit }
}

export async function answerTo(context: Context, config: Config, name: OperationName, args: unknown): Promise<Answer<unknown>> {
  const untilMs = context.clock.monotonicMs() + BUSY_MS
  for (;;) {
    const answer = await oneTry(context, config, name, args)
    if (answer !== 'busy') return answer
    if (context.clock.monotonicMs() >= untilMs) return refused('busy', sameText(context.say.ownerBusy(config.data)), EXIT.tryAgain)
    await context.clock.sleep(BUSY_STEP_MS)
  }
}

async function oneTry(context: Context, config: Config, name: OperationName, args: unknown): Promise<Answer<unknown> | 'busy'> {
  try {
    const asked = await askServer(join(config.data, CONTROL_SOCKET), name, args)
    if (asked.at === 'answered') return asked.answer
    if (asked.at === 'cut-off') return refused('cut-off', sameText(context.say.cutOff), EXIT.tryAgain)
    if (SERVER_ONLY.has(name)) return refused('not-running', sameText(context.say.notRunning(config.data)), EXIT.unavailable)
    // A reading makes no sense on data that is not there.
    if (readingOperations.has(name) && !nodeDisk.exists(config.data)) return refused('no-data', sameText(context.say.noData(config.data)), EXIT.unavailable)
    return await asOwner(context, config, (office) => perform(office, name, args))
  } catch (error) {
    return refusalOf(error)
  }
}

export async function asOwner(context: Context, config: Config, act: (office: Office) => Promise<Answer<unknown>>): Promise<Answer<unknown> | 'busy'> {
  const became = becomeTheServersUser(config)
  if (became) return became
  const builder = await context.builder()
  const log = createLog({ clock: context.clock, level: quieter(config.log.level), sink: (line) => context.err(line) })
  const owner = await builder.openOwner(config, { clock: context.clock, random: context.random, log })
  if (!owner.ok) {
    if (owner.code === 'already-owned') return 'busy'
    return refused(owner.code, sameText(context.say.cannotOpen(config.data, owner.reason)), EXIT.io)
  }
  try {
    return await act({ ...owner.value.office, server: undefined })
  } finally {
    await owner.value.close()
  }
}

/** Files that root makes would be closed to the server, which runs as somebody else. */
export function becomeTheServersUser(config: Config): Refusal | undefined {
  if (!isRoot()) return undefined
  const { user } = config.run
  if (user === undefined) {
    becomeOwnerOf(config.data)
    return undefined
  }
  const ids = lookUpUser(user)
  if (ids.ok) {
    makeFolderFor(config.data, ids.value)
    const became = becomeUser(user)
    if (became.ok) return undefined
    return refused(became.code, sameText(became.reason), EXIT.unavailable)
  }
  return refused(ids.code, sameText(`[run] user: ${ids.reason}`), EXIT.config)
}

/** A command says what it did in its own words; of the store it reports only trouble. */
function quieter(level: LogLevel): LogLevel {
  return level === 'debug' ? 'debug' : 'warn'
}
