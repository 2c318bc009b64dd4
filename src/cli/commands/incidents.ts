// daruma incidents: what is wrong or was, what is done about it, and what a person must do.
import { text } from '../../base/language.ts'
import { EXIT, type IncidentRow } from '../../admin/admin.ts'
import { askWatch } from '../ask-watch.ts'
import { type Command, type Context, jsonOption, sayLine } from '../command.ts'
import { printJson } from '../table.ts'

function printIncident(context: Context, one: IncidentRow): void {
  const { language, say } = context
  const line = (words: string) => sayLine(context, words.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' '))
  line(`${one.id}  ${one.kind}  ${one.severity}  ${one.began} – ${one.ended ?? say.goesOn}${one.times > 1 ? `  ×${one.times}` : ''}`)
  line(`  ${one.what[language]}`)
  if (one.ended === null) line(`  ${one.doing[language]}`)
  for (const { at, sentence } of one.notes) line(`  ${at}  ${sentence[language]}`)
  if (one.ending) line(`  ${one.ending[language]}`)
  if (one.nextStep) line(`  ${say.nextStep}: ${one.nextStep[language]}`)
}

export const incidentCommands: readonly Command[] = [
  {
    name: 'incidents',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [{ name: 'all', meaning: text('Everything that is remembered, not only what goes on and the last week.', '現在と直近一週間だけでなく、記録にあるすべてを表示します。') }, jsonOption],
    summary: text('Say what is wrong, or was, and what to do', '障害の状況と、すべきことを見る'),
    details: text('The newest first. Works while the server is away, and without a supervisor too.', '新しい順に表示します。サーバーやスーパーバイザーが止まっていても使えます。'),
    examples: ['daruma incidents', 'daruma incidents --all --json'],
    async run(context) {
      const asked = await askWatch(context, 'incidents-list', { all: context.line.flag('all') })
      if (!asked.ok) return asked.exit
      if (context.line.flag('json')) printJson(context, asked.result)
      else if (asked.result.length === 0) sayLine(context, context.say.noIncidents)
      else {
        asked.result.forEach((one, index) => {
          if (index > 0) sayLine(context, '')
          printIncident(context, one)
        })
      }
      return EXIT.done
    },
  },
]
