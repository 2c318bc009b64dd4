// Help on the screen and docs/COMMANDS.md, both made from the table of commands.
import type { Language } from '../base/language.ts'
import { nearestWord } from '../base/nearest.ts'
import { type Command, type Context, type OptionSpec, optionsOfAll, sayTrouble } from './command.ts'
import { usageOf } from './command-line.ts'
import { commandTable } from './command-table.ts'
import { type Catalogue, catalogue } from './language.ts'
import { displayWidth } from './table.ts'

type Reader = Pick<Context, 'out' | 'err' | 'language' | 'say'>

/** Help for one command, for a group ("account"), or ("") for all. False when there is no such thing. */
export function printHelp(reader: Reader, topic: string): boolean {
  const commands = commandTable()
  const { say, language } = reader
  if (topic === '') {
    reader.out(overview(commands, say, language))
    return true
  }
  const one = commands.find((command) => command.name === topic)
  if (one) {
    reader.out(commandHelp(one, say, language))
    return true
  }
  const group = commands.filter((command) => command.name.startsWith(`${topic} `))
  if (group.length > 0) {
    reader.out(`${aligned(group.map((command) => [`daruma ${command.name} ${command.operands}`.trimEnd(), command.summary[language]])).join('\n')}\n`)
    return true
  }
  const near = nearestWord(topic, commands.flatMap((command) => [command.name, command.name.split(' ')[0] ?? '']))
  sayTrouble(reader, say.unknownCommand(topic))
  reader.err(`  ${near === undefined ? say.moreHelp : say.didYouMean(near)}\n`)
  return false
}

function overview(commands: readonly Command[], say: Catalogue, language: Language): string {
  const lines = [say.tagline, '', `${say.usage}: daruma COMMAND [OPTION]...`, '', `${say.commands}:`]
  lines.push(...aligned(commands.map((command) => [`  ${command.name} ${command.operands}`.trimEnd(), command.summary[language]])))
  lines.push('', `${say.optionsOfAll}:`, ...optionLines(optionsOfAll, language), '', say.exitCodes, '')
  return lines.join('\n')
}

function commandHelp(command: Command, say: Catalogue, language: Language): string {
  const lines = [`${say.usage}: ${usageOf(command)}`, '', command.summary[language]]
  if (command.details) lines.push('', command.details[language])
  if (command.options.length > 0) lines.push('', `${say.options}:`, ...optionLines(command.options, language))
  lines.push('', `${say.optionsOfAll}:`, ...optionLines(optionsOfAll, language))
  if (command.examples) lines.push('', `${say.examples}:`, ...command.examples.map((example) => `  ${example}`))
  return `${lines.join('\n')}\n`
}

function optionLines(options: readonly OptionSpec[], language: Language): string[] {
  return aligned(options.map((option) => [`  --${option.name}${option.placeholder === undefined ? '' : ` ${option.placeholder}`}`, option.meaning[language]]))
}

function aligned(pairs: readonly (readonly [left: string, right: string])[]): string[] {
  const width = Math.max(...pairs.map(([left]) => displayWidth(left)))
  return pairs.map(([left, right]) => `${left}${' '.repeat(width - displayWidth(left))}  ${right}`)
}

/** docs/COMMANDS.md. */
export function commandReference(language: Language): string {
  const say = catalogue(language)
  const optionList = (options: readonly OptionSpec[]) => options.map((option) => `- \`--${option.name}${option.placeholder === undefined ? '' : ` ${option.placeholder}`}\`: ${option.meaning[language]}`)
  const lines = [`# ${say.commands}`, '', `${say.exitCodes}.`, '', `${say.optionsOfAll}:`, '', ...optionList(optionsOfAll), '']
  for (const command of commandTable()) {
    lines.push(`## daruma ${command.name}`, '', `${command.summary[language]}.`, '', '```', usageOf(command), '```', '')
    if (command.details) lines.push(command.details[language], '')
    if (command.options.length > 0) lines.push(...optionList(command.options), '')
    if (command.examples) lines.push(`${say.examples}:`, '', '```', ...command.examples, '```', '')
  }
  return `${lines.join('\n').trimEnd()}\n`
}
