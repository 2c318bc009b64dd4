// daruma alias …
import { text } from '../../base/language.ts'
import { EXIT } from '../../admin/admin.ts'
import { askOffice } from '../ask-office.ts'
import { type Command, jsonOption, sayLine } from '../command.ts'
import { sayDeleted } from '../say-deleted.ts'
import { printTable } from '../table.ts'

export const aliasCommands: readonly Command[] = [
  {
    name: 'alias add',
    operands: 'ADDRESS TARGET...',
    operandsMin: 2,
    operandsMax: 1001,
    options: [],
    summary: text('Let mail for an address go to others', 'あるアドレス宛てのメールを別のアドレスに届ける'),
    details: text('Targets may be accounts, other aliases, or addresses elsewhere.', '転送先には、アカウント、別の別名、よそのアドレスを指定できます。'),
    examples: ['daruma alias add info@example.org ada@example.org grace@example.org'],
    async run(context) {
      const [address = '', ...targets] = context.line.operands
      const asked = await askOffice(context, 'alias-add', { address, targets })
      if (!asked.ok) return asked.exit
      sayLine(context, context.say.added(`${asked.result.address} → ${asked.result.targets.join(', ')}`))
      return EXIT.done
    },
  },
  {
    name: 'alias list',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [jsonOption],
    summary: text('List all aliases', '別名の一覧'),
    async run(context) {
      const asked = await askOffice(context, 'alias-list', {})
      if (!asked.ok) return asked.exit
      printTable(context, asked.result, ['address', 'targets'])
      return EXIT.done
    },
  },
  {
    name: 'alias delete',
    operands: 'ADDRESS',
    operandsMin: 1,
    operandsMax: 1,
    options: [],
    summary: text('Delete an alias', '別名を削除する'),
    async run(context) {
      const asked = await askOffice(context, 'alias-delete', { address: context.line.operands[0] ?? '' })
      if (!asked.ok) return asked.exit
      sayDeleted(context, asked.result)
      return EXIT.done
    },
  },
]
