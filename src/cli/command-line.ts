// Understands argv by the table of commands. Node's `parseArgs` splits it; which command it is, which
// options that one has and how many words it wants is judged here, with a sentence for each mistake. Pure.
import { parseArgs } from 'node:util'
import { nearestWord } from '../base/nearest.ts'
import { type Command, type CommandLine, type OptionSpec, optionsOfAll } from './command.ts'
import type { Catalogue } from './language.ts'

export type Understanding =
  | { what: 'run'; command: Command; line: CommandLine }
  /** Help for one command or group of commands, or ("") for all. */
  | { what: 'help'; topic: string }
  | { what: 'version' }
  | { what: 'mistake'; sentence: string }

export function parseCommandLine(argv: readonly string[], commands: readonly Command[], say: Catalogue): Understanding {
  const mistake = (...sentences: string[]): Understanding => ({ what: 'mistake', sentence: sentences.join('\n  ') })
  const known = new Map<string, OptionSpec>([...optionsOfAll, ...commands.flatMap((command) => command.options)].map((option) => [option.name, option]))
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      ...Object.fromEntries([...known.values()].map((option) => [option.name, { type: option.placeholder === undefined ? 'boolean' as const : 'string' as const }])),
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'V' },
    },
  })
  const words = tokens.filter((token) => token.kind === 'positional').map((token) => token.value)
  const given = tokens.filter((token) => token.kind === 'option')
  const wantsHelp = given.some((token) => token.name === 'help')
  if (given.some((token) => token.name === 'version')) return { what: 'version' }
  if (words.length === 0) return { what: 'help', topic: '' }

  const command = findCommand(words, commands)
  if (!command) {
    const group = words[0] ?? ''
    const isGroup = commands.some((one) => one.name.startsWith(`${group} `))
    if (isGroup && (words.length === 1 || wantsHelp)) return wantsHelp ? { what: 'help', topic: group } : mistake(say.missingOperand(`daruma ${group} ${verbsOf(group, commands).join('|')}`), say.helpFor(group))
    const typed = isGroup ? `${group} ${words[1]}` : group
    const near = isGroup ? nearestWord(words[1] ?? '', verbsOf(group, commands)) : nearestWord(group, new Set(commands.map((one) => one.name.split(' ')[0] ?? '')))
    return mistake(say.unknownCommand(typed), near === undefined ? (isGroup ? say.helpFor(group) : say.moreHelp) : say.didYouMean(isGroup ? `${group} ${near}` : near))
  }
  if (wantsHelp) return { what: 'help', topic: command.name }

  const allowed = new Map([...optionsOfAll, ...command.options].map((option) => [option.name, option]))
  const values = new Map<string, string[]>()
  for (const token of given) {
    const option = allowed.get(token.name)
    if (!option) {
      const near = token.rawName.startsWith('--') ? nearestWord(token.name, allowed.keys()) : undefined
      return mistake(say.unknownOption(token.rawName, command.name), near === undefined ? say.helpFor(command.name) : say.didYouMean(`--${near}`))
    }
    if (option.placeholder !== undefined && token.value === undefined) return mistake(say.optionNeedsValue(token.rawName, option.placeholder))
    if (option.placeholder === undefined && token.value !== undefined) return mistake(say.optionTakesNoValue(token.rawName))
    const before = values.get(option.name) ?? []
    if (before.length > 0 && !option.repeats && option.placeholder !== undefined) return mistake(say.optionTwice(token.rawName))
    values.set(option.name, [...before, token.value ?? ''])
  }
  const operands = words.slice(command.name.split(' ').length)
  if (operands.length < command.operandsMin) return mistake(say.missingOperand(usageOf(command)), say.helpFor(command.name))
  if (operands.length > command.operandsMax) return mistake(say.tooManyOperands(usageOf(command)), say.helpFor(command.name))
  return {
    what: 'run',
    command,
    line: {
      operands,
      flag: (name) => values.has(name),
      value: (name) => values.get(name)?.[0],
      values: (name) => values.get(name) ?? [],
    },
  }
}

export function usageOf(command: Command): string {
  const options = command.options.map((option) => `[--${option.name}${option.placeholder === undefined ? '' : ` ${option.placeholder}`}]${option.repeats ? '...' : ''}`)
  return ['daruma', command.name, command.operands, ...options].filter(Boolean).join(' ')
}

/** "add", "list", … of "account". */
export function verbsOf(group: string, commands: readonly Command[]): string[] {
  return commands.filter((command) => command.name.startsWith(`${group} `)).map((command) => command.name.slice(group.length + 1))
}

function findCommand(words: readonly string[], commands: readonly Command[]): Command | undefined {
  return commands.find((command) => command.name === words.slice(0, 2).join(' ')) ?? commands.find((command) => command.name === words[0])
}
