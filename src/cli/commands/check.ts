// daruma check and daruma scrub: is everything that was promised there, and right?
import { text } from '../../base/language.ts'
import { EXIT } from '../../admin/admin.ts'
import { runRepair } from '../ask-repair.ts'
import { type Command, type OptionSpec, jsonOption, sayTrouble } from '../command.ts'

const quickOption: OptionSpec = { name: 'quick', meaning: text('Only the databases and their counters: seconds. This is the default.', 'データベースとカウンターだけを調べます（数秒）。既定の動作です。') }
const fullOption: OptionSpec = { name: 'full', meaning: text('Everything: each octet of the journal on every copy, message files, snapshots, and each database against a replay of the journal.', 'すべてを調べます。ジャーナルの全バイトをすべての写しで、メッセージファイル、スナップショット、そして各データベースをジャーナルの再生と照合します。') }

const nothing = { fromJournal: false, targets: [] }

export const checkCommands: readonly Command[] = [
  {
    name: 'check',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [quickOption, fullOption, jsonOption],
    summary: text('Check that all is there and sound', 'すべてが無事か検査する'),
    details: text('Changes nothing. Works on a running and on a stopped server. Ends with 1 when something is damaged.', '何も変更しません。サーバーの稼働中でも停止中でも使えます。破損があれば 1 で終わります。'),
    examples: ['daruma check', 'daruma check --full --json'],
    async run(context) {
      if (!(context.line.flag('quick') && context.line.flag('full'))) return runRepair(context, { kind: 'check', full: context.line.flag('full'), dryRun: true, ...nothing })
      sayTrouble(context, text('either --quick or --full', '--quick と --full はどちらか一方です')[context.language])
      return EXIT.usage
    },
  },
  {
    name: 'scrub',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [jsonOption],
    summary: text('Check everything now and mend what a copy or the journal can mend', 'すべてを検査し、写しやジャーナルから直せるものを直す'),
    run: (context) => runRepair(context, { kind: 'scrub', full: true, dryRun: false, ...nothing }),
  },
]
