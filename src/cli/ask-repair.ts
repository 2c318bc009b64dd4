// Has a check or repair done, by the running server or by this process as the owner of a stopped one's data, shows how
// far it is, and says what came of it.
import { join } from 'node:path'
import { sameText, text } from '../base/language.ts'
import { type Answer, type ExitCode, type JobState, type Office, type RepairArguments, CONTROL_SOCKET, EXIT, done, perform, refused } from '../admin/admin.ts'
import { isWell, type RepairReport } from '../repair/repair.ts'
import { asOwner } from './ask-office.ts'
import { type Context, sayLine, sayTrouble } from './command.ts'
import { askServer } from './control-client.ts'
import { loadConfig } from './load-config.ts'
import { printJson } from './table.ts'

const LOOK_EVERY_MS = 200
const FINDINGS_SHOWN = 200
const BAR = 30

export async function runRepair(context: Context, args: RepairArguments): Promise<ExitCode> {
  const report = await askRepair(context, args)
  return report.ok ? sayReport(context, report.report) : report.exit
}

export async function askRepair(context: Context, args: RepairArguments): Promise<{ ok: true; report: RepairReport } | { ok: false; exit: ExitCode }> {
  const found = loadConfig(context)
  if (!found.ok) return found
  const { config } = found.loaded
  const path = join(config.data, CONTROL_SOCKET)
  const overSocket = async (name: string, given: unknown): Promise<Answer<unknown> | undefined> => {
    const asked = await askServer(path, name, given)
    if (asked.at === 'answered') return asked.answer
    return asked.at === 'nobody' ? undefined : refused('cut-off', sameText(context.say.cutOff), EXIT.tryAgain)
  }
  const started = await overSocket('repair-start', args)
  let answer: Answer<unknown> | 'busy'
  if (started) answer = await untilOver(context, started, async (job) => (await overSocket('job-look', { job })) ?? refused('cut-off', sameText(context.say.cutOff), EXIT.tryAgain))
  else answer = await asOwner(context, config, async (office: Office) => untilOver(context, await perform(office, 'repair-start', args), (job) => perform(office, 'job-look', { job })))
  if (answer === 'busy') {
    sayTrouble(context, context.say.ownerBusy(config.data))
    return { ok: false, exit: EXIT.tryAgain }
  }
  if (!answer.ok) {
    sayTrouble(context, answer.reason[context.language])
    return { ok: false, exit: answer.exit }
  }
  const state = answer.result as JobState
  if (state.report) return { ok: true, report: state.report }
  sayTrouble(context, state.because ?? '')
  return { ok: false, exit: EXIT.tryAgain }
}

async function untilOver(context: Context, started: Answer<unknown>, look: (job: string) => Promise<Answer<unknown>>): Promise<Answer<unknown>> {
  let answer = started
  const shows = !context.line.flag('json') && process.stderr.isTTY
  for (;;) {
    if (!answer.ok) return answer
    const state = answer.result as JobState
    if (shows && state.progress) {
      const part = Math.min(1, state.progress.doneOctets / Math.max(1, state.progress.totalOctets))
      context.err(`\r[${'#'.repeat(Math.round(part * BAR)).padEnd(BAR)}] ${Math.floor(part * 100)} % ${state.progress.step}   `)
    }
    if (state.state !== 'running') {
      if (shows) context.err('\n')
      return done(state)
    }
    await context.clock.sleep(LOOK_EVERY_MS)
    answer = await look(state.job)
  }
}

export function sayReport(context: Context, report: RepairReport): ExitCode {
  const exit = isWell(report) ? EXIT.done : EXIT.failed
  if (context.line.flag('json')) {
    printJson(context, report)
    return exit
  }
  const { language } = context
  const { check } = report
  for (const { severity, where, sentence } of check?.findings.slice(0, FINDINGS_SHOWN) ?? []) sayLine(context, `${SEVERITY[severity][language]}  ${where}: ${sentence[language]}`)
  const hidden = (check?.more ?? 0) + Math.max(0, (check?.findings.length ?? 0) - FINDINGS_SHOWN)
  if (hidden > 0) sayLine(context, text(`… and ${hidden} more (--json shows all)`, `…ほかに ${hidden} 件（--json ですべて表示）`)[language])
  const list = (head: { en: string; ja: string }, rows: readonly { en: string; ja: string }[]) => {
    if (rows.length > 0) sayLine(context, head[language])
    for (const row of rows) sayLine(context, `  ${row[language]}`)
  }
  list(text('Would be done:', '行うこと：'), report.planned)
  list(text('Done:', '行ったこと：'), report.done)
  list(text('Could not be done:', 'できなかったこと：'), report.failed)
  list(text('Could not be known:', '分からなかったこと：'), report.unknown)
  if (check) {
    const facts = { found: check.findings.length, segments: check.segments, databases: check.databases, seconds: Math.ceil(check.tookMs / 1000) }
    sayLine(context, text(
      `${facts.segments} segments and ${facts.databases} databases looked at in ${facts.seconds} s: ${facts.found === 0 ? 'all is well' : `${facts.found} found`}.`,
      `セグメント ${facts.segments} 個、データベース ${facts.databases} 個を ${facts.seconds} 秒で検査しました：${facts.found === 0 ? '異常はありません' : `${facts.found} 件見つかりました`}。`)[language])
  }
  return exit
}

const SEVERITY = { damage: text('DAMAGE', '破損'), healed: text('healed', '修復済'), note: text('note', '注記') }
