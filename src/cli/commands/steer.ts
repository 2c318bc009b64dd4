// daruma status, reload and stop: what is asked of a server that runs.
import { text } from '../../base/language.ts'
import { type Answer, EXIT, type ExitCode, type ReloadReport, type Status } from '../../admin/admin.ts'
import type { Config } from '../../config/config.ts'
import { answerTo, askOffice } from '../ask-office.ts'
import { type Command, type Context, jsonOption, sayLine, sayTrouble } from '../command.ts'
import { loadConfig } from '../load-config.ts'
import { probeListener } from '../probe-listener.ts'
import { printFacts, printJson, printTable } from '../table.ts'

const STEP_MS = 100

/** Milliseconds of --wait; 0 when not given; undefined after a mistake was said. */
function waitOf(context: Context): number | undefined {
  const words = context.line.value('wait')
  if (words === undefined) return 0
  const seconds = /^\d{1,6}(?:\.\d{1,3})?$/.test(words) ? Number(words) : undefined
  if (seconds === undefined) sayTrouble(context, context.say.badValue('--wait', words, context.say.aNumberOfSeconds))
  return seconds === undefined ? undefined : seconds * 1000
}

interface Look {
  status: Status
  /** In the order of the status: does it answer? */
  answers: boolean[]
}

async function look(context: Context, config: Config): Promise<Look | Answer<never>> {
  const answer = await answerTo(context, config, 'status', {}) as Answer<Status>
  if (!answer.ok) return answer
  const answers = await Promise.all(answer.result.listeners.map((listener) => probeListener(listener, context.clock, config.proxy.networks)))
  return { status: answer.result, answers }
}

function printStatus(context: Context, { status, answers }: Look): void {
  const listeners = status.listeners.map((listener, index) => ({ ...listener, answers: answers[index] ?? false }))
  if (context.line.flag('json')) return printJson(context, { running: true, ...status, listeners })
  const { listeners: _, ...facts } = status
  printFacts(context, facts)
  sayLine(context, '')
  printTable(context, listeners, ['door', 'address', 'port', 'tls', 'answers'])
}

async function showStatus(context: Context): Promise<ExitCode> {
  const waitMs = waitOf(context)
  if (waitMs === undefined) return EXIT.usage
  const found = loadConfig(context)
  if (!found.ok) return found.exit
  const { config } = found.loaded
  const untilMs = context.clock.monotonicMs() + waitMs
  for (;;) {
    const seen = await look(context, config)
    const isWell = 'status' in seen && seen.answers.every(Boolean)
    if (isWell || context.clock.monotonicMs() >= untilMs) {
      if (!('status' in seen)) {
        if (seen.ok) return EXIT.done
        sayTrouble(context, seen.reason[context.language])
        return seen.exit
      }
      printStatus(context, seen)
      if (isWell) return EXIT.done
      sayTrouble(context, context.say.listenersSilent(seen.status.listeners.filter((_, index) => !seen.answers[index]).map((one) => `${one.door} ${one.address}:${one.port}`).join(', ')))
      return EXIT.unavailable
    }
    await context.clock.sleep(STEP_MS)
  }
}

async function stopServer(context: Context): Promise<ExitCode> {
  const waitMs = waitOf(context)
  if (waitMs === undefined) return EXIT.usage
  const found = loadConfig(context)
  if (!found.ok) return found.exit
  const untilMs = context.clock.monotonicMs() + waitMs
  const asked = await askOffice(context, 'stop', {})
  if (!asked.ok) return asked.exit
  const { pid } = asked.result
  while (context.isAlive(pid) && context.clock.monotonicMs() < untilMs) await context.clock.sleep(STEP_MS / 4)
  if (!context.isAlive(pid)) {
    sayLine(context, context.say.stopped)
    return EXIT.done
  }
  if (waitMs === 0) {
    sayLine(context, context.say.stopBegun(pid))
    return EXIT.done
  }
  sayTrouble(context, context.say.stillStopping(pid))
  return EXIT.tryAgain
}

function printReload(context: Context, report: ReloadReport): void {
  if (context.line.flag('json')) return printJson(context, report)
  sayLine(context, report.changed.length === 0 ? context.say.nothingChanged : context.say.reloaded(report.changed.join(', ')))
  if (report.needRestart.length > 0) sayLine(context, context.say.needsRestart(report.needRestart.join(', ')))
}

export const steerCommands: readonly Command[] = [
  {
    name: 'status',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [{ name: 'wait', placeholder: 'SECONDS', meaning: text('Wait so long for every listener to answer.', 'すべての入口が応答するまで、この秒数だけ待ちます。') }, jsonOption],
    summary: text('Show how the running server is', '動いているサーバーの様子を見る'),
    details: text('Exit code 0 once every listener answers, 69 when no server runs or a listener is silent.', 'すべての入口が応答すれば終了コード 0、サーバーが動いていないか応答のない入口があれば 69。'),
    examples: ['daruma status', 'daruma status --wait 30 --json'],
    run: showStatus,
  },
  {
    name: 'reload',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [jsonOption],
    summary: text('Have the server read its config and certificates again', '設定と証明書を読み直させる'),
    details: text('No session is ended. What cannot change at run time keeps its old value and is named.', 'セッションは切れません。動作中に変えられないものは元の値のままで、その名前を示します。'),
    async run(context) {
      const asked = await askOffice(context, 'reload', {})
      if (!asked.ok) return asked.exit
      printReload(context, asked.result)
      return EXIT.done
    },
  },
  {
    name: 'stop',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [{ name: 'wait', placeholder: 'SECONDS', meaning: text('Wait so long for the server to have ended; otherwise return at once.', 'サーバーが終わるまで、この秒数だけ待ちます。指定がなければすぐに戻ります。') }],
    summary: text('Stop the running server', '動いているサーバーを止める'),
    run: stopServer,
  },
]
