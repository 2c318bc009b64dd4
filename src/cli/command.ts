// What a command is: its words, its options, its help in both languages, and the function that runs it.
import type { Clock } from '../base/clock.ts'
import type { Language, Text } from '../base/language.ts'
import type { Random } from '../base/random.ts'
import type { ExitCode } from '../admin/admin.ts'
import type { Catalogue } from './language.ts'
import type { Builder } from '../server/server-interface.ts'
import type { Channel } from '../server/supervisor-link.ts'

/** The world around a command, handed in so that a test can stand in for it. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly random: Random
  /** Absolute: where relative paths on the command line count from. */
  readonly folder: string
  /** Absolute: the folder of this package. */
  readonly packageFolder: string
  readonly machineName: string
  readonly pid: number
  /** How this process was started, so that another can be started alike. */
  readonly program: { readonly execPath: string; readonly execArgv: readonly string[]; readonly main: string; readonly args: readonly string[] }
  /** The channel to the supervisor that started this process; undefined when a person or a service manager did. */
  readonly channel: Channel | undefined
  out(words: string): void
  err(words: string): void
  readStandardInput(): Promise<Uint8Array>
  /** Calls back at each such signal from now on. Returns the way to stop listening. */
  onSignal(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGUSR2', call: () => void): () => void
  /** Is there a process of this number on the machine? */
  isAlive(pid: number): boolean
  /** Ends the process on the spot. */
  exitNow(code: ExitCode): void
  /** Makes servers and owners. Loaded only by commands that need it. */
  builder(): Promise<Builder>
}

export interface Context extends World {
  readonly language: Language
  readonly say: Catalogue
  readonly line: CommandLine
}

/** The command line, understood: what was given, by name. */
export interface CommandLine {
  readonly operands: readonly string[]
  flag(name: string): boolean
  value(name: string): string | undefined
  values(name: string): readonly string[]
}

export interface OptionSpec {
  readonly name: string
  /** What stands for its value in the help, "FILE"; undefined for a flag. */
  readonly placeholder?: string
  /** May be given several times. */
  readonly repeats?: true
  readonly meaning: Text
}

export interface Command {
  /** "account add". */
  readonly name: string
  /** What follows in the usage line: "ADDRESS TARGET...". */
  readonly operands: string
  readonly operandsMin: number
  readonly operandsMax: number
  readonly options: readonly OptionSpec[]
  readonly summary: Text
  readonly details?: Text
  readonly examples?: readonly string[]
  /** `line` holds what the specs above allow and nothing else. */
  run(context: Context): Promise<ExitCode>
}

/** `text` with a newline on the way out. */
export function sayLine(context: Pick<World, 'out'>, words: string): void {
  context.out(`${words}\n`)
}

/** An error or a note for the operator, on standard error. */
export function sayTrouble(context: Pick<World, 'err'>, words: string): void {
  context.err(`daruma: ${words}\n`)
}

export const jsonOption: OptionSpec = {
  name: 'json',
  meaning: { en: 'Print JSON instead of a table; its keys are the heads of the table.', ja: '表の代わりに JSON を出力します。キーは表の見出しと同じです。' },
}

/** Taken by every command. */
export const optionsOfAll: readonly OptionSpec[] = [
  { name: 'config', placeholder: 'FILE', meaning: { en: 'The config to use; otherwise $DARUMA_CONFIG, otherwise trial mode.', ja: '使う設定ファイル。なければ $DARUMA_CONFIG、それもなければ試用モード。' } },
  { name: 'data', placeholder: 'DIR', meaning: { en: 'The data directory; goes before the config. In trial mode otherwise $DARUMA_DATA, otherwise "data" beside the program.', ja: 'データディレクトリ。設定ファイルより優先します。試用モードで指定がなければ $DARUMA_DATA、それもなければプログラムの横の「data」。' } },
  { name: 'help', meaning: { en: 'Show the help for the command.', ja: 'コマンドの説明を表示します。' } },
]
