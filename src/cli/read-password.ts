// A password from standard input, when --password-stdin asks for it.
import { type Context, sayTrouble } from './command.ts'

/** The first line, or null without --password-stdin; undefined after a mistake was said. */
export async function readPassword(context: Context): Promise<string | null | undefined> {
  if (!context.line.flag('password-stdin')) return null
  let words: string
  try {
    words = new TextDecoder('utf-8', { fatal: true }).decode(await context.readStandardInput())
  } catch {
    words = ''
  }
  const [first = '', ...rest] = words.replace(/\r?\n$/, '').split(/\r?\n/)
  if (first !== '' && rest.length === 0) return first
  sayTrouble(context, context.say.passwordNotOneLine)
  return undefined
}
