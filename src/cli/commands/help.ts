// daruma help
import { text } from '../../base/language.ts'
import { EXIT } from '../../admin/admin.ts'
import type { Command } from '../command.ts'
import { printHelp } from '../help.ts'

export const helpCommands: readonly Command[] = [
  {
    name: 'help',
    operands: '[COMMAND]',
    operandsMin: 0,
    operandsMax: 2,
    options: [],
    summary: text('Explain a command, or list them all', 'コマンドの説明、または一覧'),
    async run(context) {
      return printHelp(context, context.line.operands.join(' ')) ? EXIT.done : EXIT.usage
    },
  },
]
