// Finds and reads the config that a command works with: --config, then $DARUMA_CONFIG, then trial mode.
import { dirname, join, resolve } from 'node:path'
import { type ListenOverride, parseListenOption } from './listen-option.ts'
import { readSmallFile } from '../base/files.ts'
import { type LoadedConfig, parseConfig } from '../config/config.ts'
import { printProblem } from '../config/problem.ts'
import { trialConfig } from '../config/trial-config.ts'
import { EXIT, type ExitCode } from '../admin/admin.ts'
import { type Context, sayTrouble } from './command.ts'

export type ConfigFound = { ok: true; loaded: LoadedConfig; isTrial: boolean } | { ok: false; exit: ExitCode }

/** Says on standard error what is wrong, each problem on a line of its own. */
export function loadConfig(context: Context): ConfigFound {
  const listen = listenOptions(context)
  if (!listen) return { ok: false, exit: EXIT.usage }
  const data = context.line.value('data')
  const overrides = { ...(data === undefined ? {} : { data: resolve(context.folder, data) }), listen }
  const file = configFile(context)
  if (file === undefined) {
    const trialData = overrides.data ?? (context.env['DARUMA_DATA'] ? resolve(context.folder, context.env['DARUMA_DATA']) : join(context.packageFolder, 'data'))
    return { ok: true, loaded: trialConfig({ data: trialData, listen }), isTrial: true }
  }
  const loaded = readConfigFile(context, file, overrides)
  return loaded ? { ok: true, loaded, isTrial: false } : { ok: false, exit: EXIT.config }
}

export function configFile(context: Context): string | undefined {
  return context.line.value('config') ?? (context.env['DARUMA_CONFIG'] || undefined)
}

/** Undefined when it cannot be used; the reasons have been said. */
function readConfigFile(context: Context, file: string, overrides: { data?: string; listen: ListenOverride }): LoadedConfig | undefined {
  const path = resolve(context.folder, file)
  const bytes = readSmallFile(path)
  if (!bytes.ok) {
    sayTrouble(context, context.say.configNotRead(bytes.reason))
    return undefined
  }
  let toml: string
  try {
    toml = new TextDecoder('utf-8', { fatal: true }).decode(bytes.value)
  } catch {
    sayTrouble(context, context.say.configNotUtf8(file))
    return undefined
  }
  const parsed = parseConfig(toml, { file, folder: dirname(path), machineName: context.machineName, overrides })
  if (parsed.ok) return parsed.value
  for (const problem of parsed.problems) context.err(`${printProblem(file, problem, context.language)}\n`)
  return undefined
}

function listenOptions(context: Context): ListenOverride | undefined {
  const found: ListenOverride = {}
  for (const words of context.line.values('listen')) {
    const one = parseListenOption(words)
    if (!one) {
      sayTrouble(context, context.say.badValue('--listen', words, context.say.aListener('smtp, submission, submissions, imap, imaps')))
      return undefined
    }
    found[one.door] = [...(found[one.door] ?? []), ...one.addresses]
  }
  return found
}
