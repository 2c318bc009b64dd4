// daruma pause, daruma resume.
import { text } from '../../base/language.ts'
import { EXIT } from '../../admin/admin.ts'
import { parseDurationText } from '../../config/units.ts'
import { askOffice } from '../ask-office.ts'
import { type Command, jsonOption, sayLine, sayTrouble } from '../command.ts'
import { printJson } from '../table.ts'

export const pauseCommands: readonly Command[] = [
  {
    name: 'pause',
    operands: 'WHAT',
    operandsMin: 1,
    operandsMax: 1,
    options: [
      { name: 'for', placeholder: 'TIME', meaning: text('End by itself after this time, such as "2h"; otherwise "daruma resume" ends it.', '「2h」などの時間がたったら自動で終わります。指定がなければ「daruma resume」まで続きます。') },
      { name: 'why', placeholder: 'TEXT', meaning: text('Stands in the replies to senders (ASCII).', '送信側への応答に入る理由（ASCII）。') },
      jsonOption,
    ],
    summary: text('Put mail off politely while you look: smtp-in or submission', '調べている間、メールを丁寧に先送りする（smtp-in または submission）'),
    details: text(
      'smtp-in: mail from other servers is answered 451 with the reason, and comes again by itself; your own users can go on reading and sending. submission: the same for what your users send. It outlives a restart and stands on the status page.',
      'smtp-in：他のサーバーからのメールに理由付きの 451 を返します。相手は自動で再送します。利用者の読み書きと送信は続けられます。submission：利用者が送るメールについて同じことをします。再起動しても続き、状態ページに表示されます。',
    ),
    examples: ['daruma pause smtp-in --for 2h --why "checking the disk"', 'daruma resume smtp-in'],
    async run(context) {
      const words = context.line.value('for')
      const forMs = words === undefined ? null : parseDurationText(words) ?? 0
      if (forMs === 0) {
        sayTrouble(context, context.say.badValue('--for', words ?? '', context.say.aTimeSpan))
        return EXIT.usage
      }
      const asked = await askOffice(context, 'pause', { what: context.line.operands[0] ?? '', forMs, why: context.line.value('why') ?? null })
      if (!asked.ok) return asked.exit
      if (context.line.flag('json')) printJson(context, asked.result)
      else sayLine(context, context.say.paused(asked.result.what, asked.result.until ?? undefined))
      return EXIT.done
    },
  },
  {
    name: 'resume',
    operands: 'WHAT',
    operandsMin: 1,
    operandsMax: 1,
    options: [],
    summary: text('Take again what was paused', '先送りをやめて、また受け取る'),
    examples: ['daruma resume smtp-in'],
    async run(context) {
      const asked = await askOffice(context, 'resume', { what: context.line.operands[0] ?? '' })
      if (!asked.ok) return asked.exit
      sayLine(context, context.say.resumedTaking(asked.result.what))
      return EXIT.done
    },
  },
]
