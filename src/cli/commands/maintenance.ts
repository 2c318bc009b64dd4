// daruma maintenance …: windows in which the server is away on purpose.
import { text } from '../../base/language.ts'
import { EXIT, type WindowRow } from '../../admin/admin.ts'
import { askWatch } from '../ask-watch.ts'
import { type Command, type Context, type OptionSpec, jsonOption, sayLine } from '../command.ts'
import { printJson, printTable } from '../table.ts'

const fromOption: OptionSpec = { name: 'from', placeholder: 'TIME', meaning: text('When it begins: "2026-11-28 02:00", "tomorrow 02:00", "02:00", "+2h", or ISO 8601 with an offset.', '始まりの時刻："2026-11-28 02:00"、"明日 02:00"、"02:00"、"+2h"、またはオフセット付きの ISO 8601。') }
const toOption: OptionSpec = { name: 'to', placeholder: 'TIME', meaning: text('When it ends; "+2h" and "04:00" count from the start.', '終わりの時刻。"+2h" や "04:00" は始まりから数えます。') }
const whatOption: OptionSpec = { name: 'what', placeholder: 'TEXT', meaning: text('What is done in it; everybody reads this.', '何をするのか。誰もが読みます。') }
const deferOption: OptionSpec = { name: 'defer', meaning: text('Put mail from outside off (451) instead of taking it meanwhile.', '外からのメールを受け取らず、後での再送を求めます（451）。') }
const mailOption: OptionSpec = { name: 'mail', meaning: text('File a message about it with every account; also when it is cancelled.', 'すべてのアカウントにお知らせを届けます。中止したときも届けます。') }
const allOption: OptionSpec = { name: 'all', meaning: text('Also those that were over more than a week ago.', '一週間以上前に終わったものも表示します。') }

/** Null when not given. */
const given = (context: Context, name: string): string | null => context.line.value(name) ?? null

function printWindow(context: Context, row: WindowRow, sentence: string): void {
  if (context.line.flag('json')) printJson(context, row)
  else sayLine(context, sentence)
}

export const maintenanceCommands: readonly Command[] = [
  {
    name: 'maintenance plan',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [fromOption, toOption, whatOption, deferOption, mailOption, jsonOption],
    summary: text('Plan a time in which the server is away', 'サーバーを止める時間を計画する'),
    details: text('The status page and the feed show it at once. Begins and ends by itself: sessions are told until when, mail from outside is taken meanwhile and delivered afterwards.', '状態ページとフィードにすぐ載ります。開始と終了は自動です。利用者には終わりの時刻を伝え、外からのメールはその間も受け取り、後で配達します。'),
    examples: ["daruma maintenance plan --from 'tomorrow 02:00' --to +2h --what 'new disks' --mail", "daruma maintenance plan --from '2026-11-28 02:00' --to 04:00 --what 'moving the machine' --defer"],
    async run(context) {
      for (const name of ['from', 'to', 'what']) {
        if (context.line.value(name) !== undefined) continue
        context.err(`daruma: ${context.say.optionMissing(`--${name}`)}\n`)
        return EXIT.usage
      }
      const { line, say } = context
      const asked = await askWatch(context, 'maintenance-plan', { from: line.value('from') ?? '', to: line.value('to') ?? '', what: line.value('what') ?? '', defer: line.flag('defer'), mail: line.flag('mail') })
      if (!asked.ok) return asked.exit
      printWindow(context, asked.result, say.windowPlanned(asked.result.id, asked.result.from, asked.result.to))
      return EXIT.done
    },
  },
  {
    name: 'maintenance list',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [allOption, jsonOption],
    summary: text('List maintenance windows', 'メンテナンスの一覧'),
    async run(context) {
      const asked = await askWatch(context, 'maintenance-list', { all: context.line.flag('all') })
      if (!asked.ok) return asked.exit
      printTable(context, asked.result, ['id', 'state', 'from', 'to', 'mode', 'mail', 'announced', 'what'])
      return EXIT.done
    },
  },
  {
    name: 'maintenance begin',
    operands: '[ID]',
    operandsMin: 0,
    operandsMax: 1,
    options: [toOption, whatOption, deferOption, mailOption, jsonOption],
    summary: text('Begin maintenance now: a planned window, or one made on the spot', 'メンテナンスを今始める（計画済みのもの、またはその場のもの）'),
    details: text('Returns when the server has ended and mail from outside is taken by the stand-in.', 'サーバーが終わり、代役が外からのメールを受け取り始めたところで戻ります。'),
    examples: ['daruma maintenance begin M3', "daruma maintenance begin --to +1h --what 'kernel update'"],
    async run(context) {
      const { line, say } = context
      const asked = await askWatch(context, 'maintenance-begin', { id: line.operands[0] ?? null, to: given(context, 'to'), what: given(context, 'what'), defer: line.flag('defer'), mail: line.flag('mail') })
      if (!asked.ok) return asked.exit
      printWindow(context, asked.result, say.maintenanceBegun(asked.result.id, asked.result.to))
      return EXIT.done
    },
  },
  {
    name: 'maintenance end',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [jsonOption],
    summary: text('End the maintenance that is running', '実行中のメンテナンスを終える'),
    async run(context) {
      const asked = await askWatch(context, 'maintenance-end', {})
      if (!asked.ok) return asked.exit
      printWindow(context, asked.result, context.say.maintenanceEnded(asked.result.id))
      return EXIT.done
    },
  },
  {
    name: 'maintenance cancel',
    operands: 'ID',
    operandsMin: 1,
    operandsMax: 1,
    options: [jsonOption],
    summary: text('Cancel a planned window', '計画したメンテナンスを中止する'),
    async run(context) {
      const asked = await askWatch(context, 'maintenance-cancel', { id: context.line.operands[0] ?? '' })
      if (!asked.ok) return asked.exit
      printWindow(context, asked.result, context.say.windowCancelled(asked.result.id))
      return EXIT.done
    },
  },
  {
    name: 'maintenance suggest',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [{ name: 'length', placeholder: 'TIME', meaning: text('How long it takes: "30m", "1h", "1h30m"; an hour when left out.', '作業の長さ："30m"、"1h"、"1h30m"。省略時は一時間。') }, jsonOption],
    summary: text('Propose quiet hours of the coming nights', '今後の夜から静かな時間帯を提案する'),
    details: text('From what the last four weeks were like at the same hours. Messages and logins are what is to be expected in that time.', '過去四週間の同じ曜日・時間帯の実績から選びます。メールとログインの数は、その間に見込まれる量です。'),
    async run(context) {
      const asked = await askWatch(context, 'maintenance-suggest', { length: given(context, 'length') })
      if (!asked.ok) return asked.exit
      if (context.line.flag('json')) printJson(context, asked.result)
      else printTable(context, asked.result.map((row) => ({ ...row, why: row.why[context.language] })), ['from', 'to', 'messages', 'logins', 'why'])
      return EXIT.done
    },
  },
]
