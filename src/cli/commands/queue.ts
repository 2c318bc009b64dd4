// daruma queue … and daruma trace
import { type Text, text } from '../../base/language.ts'
import { EXIT } from '../../admin/admin.ts'
import { askOffice } from '../ask-office.ts'
import { type Command, type Context, type OptionSpec, jsonOption, sayLine, sayTrouble } from '../command.ts'
import { printFacts, printJson, printTable } from '../table.ts'

const limitOption: OptionSpec = { name: 'limit', placeholder: 'COUNT', meaning: text('Show at most so many rows.', '表示する行数の上限。') }

/** Null when not given; undefined after a mistake was said. */
function limitOf(context: Context): number | null | undefined {
  const words = context.line.value('limit')
  if (words === undefined) return null
  if (/^[1-9]\d{0,8}$/.test(words)) return Number(words)
  sayTrouble(context, context.say.badValue('--limit', words, context.say.aCount))
  return undefined
}

function change(wish: 'retry' | 'hold' | 'release' | 'delete', summary: Text): Command {
  return {
    name: `queue ${wish}`,
    operands: 'ID...|all',
    operandsMin: 1,
    operandsMax: 10_000,
    options: [jsonOption],
    summary,
    details: text('ID is as "queue list" shows it ("123.0"), or the number before the dot for all recipients of a message.', 'ID は「queue list」の表示どおり（"123.0"）か、メッセージの全宛先を表すドットの前の数です。'),
    async run(context) {
      const asked = await askOffice(context, 'queue-change', { wish, ids: context.line.operands })
      if (!asked.ok) return asked.exit
      if (context.line.flag('json')) printJson(context, asked.result)
      else sayLine(context, context.say.workChanged(asked.result.changed))
      return EXIT.done
    },
  }
}

export const queueCommands: readonly Command[] = [
  {
    name: 'queue list',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [limitOption, jsonOption],
    summary: text('List mail that waits to go out', '送信待ちのメールの一覧'),
    async run(context) {
      const limit = limitOf(context)
      if (limit === undefined) return EXIT.usage
      const asked = await askOffice(context, 'queue-list', { limit })
      if (!asked.ok) return asked.exit
      printTable(context, asked.result, ['id', 'state', 'sender', 'recipient', 'size', 'attempts', 'arrived', 'due', 'lastReply'])
      return EXIT.done
    },
  },
  {
    name: 'queue show',
    operands: 'ID',
    operandsMin: 1,
    operandsMax: 1,
    options: [jsonOption],
    summary: text('Show all about one message in the queue', 'キューの一通を詳しく見る'),
    async run(context) {
      const asked = await askOffice(context, 'queue-show', { id: context.line.operands[0] ?? '' })
      if (!asked.ok) return asked.exit
      if (context.line.flag('json')) printJson(context, asked.result)
      else {
        asked.result.forEach((work, index) => {
          if (index > 0) sayLine(context, '')
          printFacts(context, { ...work })
        })
      }
      return EXIT.done
    },
  },
  change('retry', text('Try again now', 'いますぐ再送を試みる')),
  change('hold', text('Keep from being sent until released', '解放するまで送信を保留する')),
  change('release', text('Let what is held be sent again', '保留を解く')),
  change('delete', text('Drop from the queue; no report is sent', 'キューから取り除く（差出人への通知なし）')),
]

export const traceCommands: readonly Command[] = [
  {
    name: 'trace',
    operands: 'MESSAGE-ID|ADDRESS|ID',
    operandsMin: 1,
    operandsMax: 1,
    options: [limitOption, jsonOption],
    summary: text('Say what became of a message', 'メッセージがどうなったかを調べる'),
    details: text('By Message-ID, by the address of a sender or recipient, or by the id that the 250 gave ("kept as 36"); the newest first, one row for each recipient.', 'Message-ID、差出人または宛先のアドレス、または 250 の応答にある番号（「kept as 36」）で調べます。新しい順に、宛先ごとに一行です。'),
    examples: ["daruma trace '<abc@example.net>'", 'daruma trace ada@example.org --limit 10'],
    async run(context) {
      const limit = limitOf(context)
      if (limit === undefined) return EXIT.usage
      const asked = await askOffice(context, 'trace', { what: context.line.operands[0] ?? '', limit })
      if (!asked.ok) return asked.exit
      printTable(context, asked.result, ['id', 'time', 'via', 'sender', 'recipient', 'fate', 'messageId'])
      return EXIT.done
    },
  },
]
