// daruma status, reload and stop: what is asked of a server that runs.
import { text } from '../../base/language.ts'
import { type Answer, EXIT, type ExitCode, type ReloadReport, type Status } from '../../admin/admin.ts'
import type { Config } from '../../config/config.ts'
import { answerTo, askOffice } from '../ask-office.ts'
import { askSupervisor } from '../ask-supervisor.ts'
import { type Command, type Context, jsonOption, sayLine, sayTrouble } from '../command.ts'
import { loadConfig } from '../load-config.ts'
import type { SupervisorStatus } from '../../supervisor/supervisor-office.ts'
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
  const { listeners: _, members, paused, ...facts } = status
  printFacts(context, { ...facts, paused: paused.map((one) => (one.until === null ? one.what : `${one.what} (${one.until})`)).join(', ') || null })
  if (members) {
    sayLine(context, '')
    printTable(context, members.map((member) => ({ copy: member.root, state: member.state, level: member.state === 'filling' ? `${Math.floor((100 * member.filledOctets) / Math.max(1, member.totalOctets))} %` : null, because: member.because })), ['copy', 'state', 'level', 'because'])
  }
  sayLine(context, '')
  printTable(context, listeners, ['door', 'address', 'port', 'tls', 'answers'])
}

/** The server does not answer; its supervisor may. True when it did. */
async function showSupervisor(context: Context, config: Config): Promise<boolean> {
  const answer = await askSupervisor(context, config, 'supervisor-status', {})
  if (answer === 'nobody' || !answer.ok) return false
  const status = answer.result as SupervisorStatus
  if (context.line.flag('json')) {
    printJson(context, { running: false, supervisor: status })
    return true
  }
  const { server, understudy } = status
  printFacts(context, { supervisor: status.pid, server: server.state, restarts: server.restarts, understudy: understudy.state, taken: understudy.taken })
  return true
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
        if (await showSupervisor(context, config)) return EXIT.unavailable
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
  const pid = await beginStop(context, found.loaded.config)
  if (typeof pid !== 'number') return pid.exit
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

/** The supervisor is asked first: it answers also while the server is away. The number of the process that will end. */
async function beginStop(context: Context, config: Config): Promise<number | { exit: ExitCode }> {
  const answer = await askSupervisor(context, config, 'stop', {})
  if (answer === 'nobody') {
    const asked = await askOffice(context, 'stop', {})
    return asked.ok ? asked.result.pid : asked
  }
  if (answer.ok) return (answer.result as { pid: number }).pid
  sayTrouble(context, answer.reason[context.language])
  return answer
}

async function restartServer(context: Context): Promise<ExitCode> {
  const found = loadConfig(context)
  if (!found.ok) return found.exit
  const answer = await askSupervisor(context, found.loaded.config, 'restart', {})
  if (answer === 'nobody') {
    sayTrouble(context, context.say.noSupervisor(found.loaded.config.data))
    return EXIT.unavailable
  }
  if (!answer.ok) {
    sayTrouble(context, answer.reason[context.language])
    return answer.exit
  }
  const done = answer.result as { pid: number; ms: number }
  if (context.line.flag('json')) printJson(context, done)
  else sayLine(context, context.say.restarted(done.pid, done.ms))
  return EXIT.done
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
      // The status page is the supervisor's. Where there is none, there is no page either.
      const found = loadConfig(context)
      if (found.ok) await askSupervisor(context, found.loaded.config, 'reread', {})
      printReload(context, asked.result)
      return EXIT.done
    },
  },
  {
    name: 'restart',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [jsonOption],
    summary: text('Replace the running server by a new process, without a closed door', '扉を閉めずに、動いているサーバーを新しいプロセスに入れ替える'),
    details: text(
      'The new process loads everything first, from the program as it stands on the disk now (another version after an upgrade), and reads the config anew; only then does the old one say goodbye to its sessions (SMTP 421, IMAP BYE, after a grace for what is under way). Whoever connects meanwhile is greeted and served by the new one. When the new one cannot start, the old one goes on. SIGUSR2 to the supervisor does the same.',
      '新しいプロセスは、今ディスクにあるプログラム（更新後なら新しい版）と設定を先に読み込みます。その後で古いプロセスがセッションに別れを告げます（処理中のものには猶予の後、SMTP 421、IMAP BYE）。その間に接続した相手は新しいプロセスが迎えます。新しいプロセスが起動できなければ、古いものがそのまま動き続けます。スーパーバイザーに SIGUSR2 を送っても同じです。',
    ),
    run: restartServer,
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
