// Reads the command line, runs the command, gives its exit code. The one catch of the command line is here.
import { EXIT, type ExitCode, refusalOf } from '../admin/admin.ts'
import { type World, sayTrouble } from './command.ts'
import { parseCommandLine } from './command-line.ts'
import { commandTable } from './command-table.ts'
import { printHelp } from './help.ts'
import { catalogue, languageOf } from './language.ts'
import { version } from './version.ts'

export async function runCommandLine(argv: readonly string[], world: World): Promise<ExitCode> {
  const language = languageOf(world.env)
  const say = catalogue(language)
  const understood = parseCommandLine(argv, commandTable(), say)
  switch (understood.what) {
    case 'version':
      world.out(`daruma ${version}\n`)
      return EXIT.done
    case 'help':
      return printHelp({ out: world.out, err: world.err, language, say }, understood.topic) ? EXIT.done : EXIT.usage
    case 'mistake':
      sayTrouble(world, understood.sentence)
      return EXIT.usage
    case 'run':
      try {
        return await understood.command.run({ ...world, language, say, line: understood.line })
      } catch (error) {
        const refusal = refusalOf(error)
        sayTrouble(world, refusal.reason[language])
        return refusal.exit
      }
  }
}
