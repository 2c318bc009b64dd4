// daruma repair: mends what is safe to mend. What it would do is shown first.
import { text } from '../../base/language.ts'
import { EXIT } from '../../admin/admin.ts'
import { askRepair, runRepair, sayReport } from '../ask-repair.ts'
import { type Command, type OptionSpec, jsonOption, sayLine, sayTrouble } from '../command.ts'

const dryRunOption: OptionSpec = { name: 'dry-run', meaning: text('Only say what would be done.', '何をするかを示すだけにします。') }
const yesOption: OptionSpec = { name: 'yes', meaning: text('Do it; without this only what would be done is shown.', '実行します。指定しなければ、何をするかを示すだけです。') }

export const repairCommands: readonly Command[] = [
  {
    name: 'repair',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [dryRunOption, yesOption, jsonOption],
    summary: text('Mend what is safe to mend', '安全に直せるものを直す'),
    details: text(
      'Damaged bytes are written again from another copy, databases are made again from snapshot and journal, counters are counted again. What is damaged is set aside, never deleted.',
      '壊れたバイトは別の写しから書き直し、データベースはスナップショットとジャーナルから作り直し、カウンターは数え直します。壊れたものは脇へよけ、削除しません。'),
    examples: ['daruma repair --dry-run', 'daruma repair --yes'],
    async run(context) {
      const wish = { kind: 'repair', full: true, fromJournal: false, targets: [] }
      if (context.line.flag('yes') && !context.line.flag('dry-run')) return runRepair(context, { ...wish, dryRun: false })
      const shown = await askRepair(context, { ...wish, dryRun: true })
      if (!shown.ok) return shown.exit
      const exit = sayReport(context, shown.report)
      if (!context.line.flag('json') && !context.line.flag('dry-run') && shown.report.planned.length > 0) sayLine(context, text('Nothing was changed. "daruma repair --yes" does it.', 'まだ何も変更していません。「daruma repair --yes」で実行します。')[context.language])
      return exit
    },
  },
  {
    name: 'rebuild',
    operands: '[ACCOUNT|directory|queue...]',
    operandsMin: 0,
    operandsMax: 1000,
    options: [
      { name: 'all', meaning: text('Every database.', 'すべてのデータベース。') },
      { name: 'from-journal', meaning: text('From the journal alone; snapshots are set aside.', 'ジャーナルだけから作ります。スナップショットは脇へよけます。') },
      jsonOption,
    ],
    summary: text('Make databases again from snapshot and journal', 'スナップショットとジャーナルからデータベースを作り直す'),
    details: text('UIDs and UIDVALIDITY stay where the journal knows them, so that clients load nothing again. The old file is set aside.', 'ジャーナルから分かるかぎり UID と UIDVALIDITY は変わらず、クライアントの再読み込みは起きません。古いファイルは脇へよけます。'),
    examples: ['daruma rebuild ada@example.org', 'daruma rebuild directory', 'daruma rebuild --all --from-journal'],
    async run(context) {
      const targets = context.line.operands
      if (context.line.flag('all') === targets.length > 0) {
        sayTrouble(context, text('name accounts, "directory" or "queue", or say --all', 'アカウント、「directory」、「queue」を指定するか、--all を付けてください')[context.language])
        return EXIT.usage
      }
      return runRepair(context, { kind: 'rebuild', full: true, dryRun: false, fromJournal: context.line.flag('from-journal'), targets })
    },
  },
]
