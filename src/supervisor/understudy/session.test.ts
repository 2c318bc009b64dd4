// The understudy's session as a table: every order of commands gets its answer, and nothing of ours is a 5xx.
import test from 'node:test'
import assert from 'node:assert/strict'
import { bytesOf } from '../../base/bytes.ts'
import { parseCommand } from '../../wire/smtp/parse-command.ts'
import { printReply } from '../../wire/smtp/reply.ts'
import { deferReply, otherDoors, replies } from './replies.ts'
import { step, type Effect, type SessionRules, type SessionState } from './session.ts'

const rulesOf = (more: Partial<SessionRules> = {}): SessionRules => ({
  hostname: 'mx.example.org', messageOctetsMax: 1000, recipientsMax: 2, messagesLeft: 5, secure: false, canStartTls: true, refusal: () => undefined,
  judge: (address) => (address.startsWith('known') ? undefined : address.startsWith('later') ? replies.notTakenNow : replies.unknownUser), ...more,
})

/** Answers ("250", or "250 2.1.0 …" cut to what is asked for) and what is to be done. */
function run(lines: readonly string[], rules = rulesOf()): { codes: string[]; effects: Effect['do'][]; state: SessionState } {
  let state: SessionState = { at: 'fresh' }
  const codes: string[] = []
  const effects: Effect['do'][] = []
  for (const line of lines) {
    const command = parseCommand(bytesOf(line), { pathOctetsMax: 1024 })
    assert.ok(command.ok, line)
    const next = step(state, command.value, rules)
    state = next.state
    codes.push(String(next.reply.code))
    if (next.effect) effects.push(next.effect.do)
    assert.match(printReply(next.reply), /^(?:\d{3}[ -][\x20-\x7e]*\r\n)+$/, 'a reply is ASCII')
  }
  return { codes, effects, state }
}

const TABLE: [name: string, lines: string[], codes: string, effects?: string, rules?: Partial<SessionRules>][] = [
  ['a message', ['EHLO a', 'MAIL FROM:<s@x.example>', 'RCPT TO:<known@y>', 'DATA', 'QUIT'], '250 250 250 354 221', 'data close'],
  ['HELO, the null path', ['HELO a', 'MAIL FROM:<>', 'RCPT TO:<known@y>', 'DATA'], '250 250 250 354', 'data'],
  ['order', ['MAIL FROM:<s@x>', 'RCPT TO:<known@y>', 'DATA', 'EHLO a', 'RCPT TO:<known@y>', 'DATA', 'MAIL FROM:<s@x>', 'MAIL FROM:<s@x>', 'DATA'], '503 503 503 250 503 503 250 503 554'],
  ['RSET and EHLO forget', ['EHLO a', 'MAIL FROM:<s@x>', 'RSET', 'RCPT TO:<known@y>', 'MAIL FROM:<s@x>', 'EHLO b', 'RCPT TO:<known@y>'], '250 250 250 503 250 250 503'],
  ['recipients are judged', ['EHLO a', 'MAIL FROM:<s@x>', 'RCPT TO:<who@y>', 'RCPT TO:<later@y>', 'DATA', 'RCPT TO:<known1@y>', 'RCPT TO:<known2@y>', 'RCPT TO:<known3@y>'], '250 250 550 450 554 250 250 452'],
  ['size', ['EHLO a', 'MAIL FROM:<s@x> SIZE=1001', 'MAIL FROM:<s@x> SIZE=1000'], '250 552 250'],
  ['addresses beyond ASCII need SMTPUTF8', ['EHLO a', 'MAIL FROM:<ü@x>', 'MAIL FROM:<ü@x> SMTPUTF8', 'RCPT TO:<known-ü@y>', 'RSET', 'MAIL FROM:<s@x>', 'RCPT TO:<known-ü@y>'], '250 553 250 250 250 250 553'],
  ['binary and chunks are for the server', ['EHLO a', 'MAIL FROM:<s@x> BODY=BINARYMIME', 'BDAT 10 LAST'], '250 451 421', 'close'],
  ['nothing is taken', ['EHLO a', 'MAIL FROM:<s@x>', 'RCPT TO:<known@y>', 'DATA'], '250 451 503 503', '', { refusal: () => deferReply('2026-11-28T04:00:00+09:00') }],
  ['no room', ['EHLO a', 'MAIL FROM:<s@x> SIZE=900', 'MAIL FROM:<s@x> SIZE=10'], '250 452 250', '', { refusal: (octets) => (octets > 500 ? replies.diskFull : undefined) }],
  ['too many messages', ['EHLO a', 'MAIL FROM:<s@x>'], '250 421', 'close', { messagesLeft: 0 }],
  ['TLS', ['STARTTLS', 'EHLO a', 'MAIL FROM:<s@x>', 'STARTTLS', 'RSET', 'STARTTLS', 'MAIL FROM:<s@x>'], '503 250 250 503 250 220 503', 'start-tls'],
  ['TLS twice, or not at all', ['EHLO a', 'STARTTLS'], '250 503', '', { secure: true }],
  ['no certificate', ['EHLO a', 'STARTTLS'], '250 502', '', { canStartTls: false }],
  ['the rest', ['NOOP', 'HELP', 'VRFY a', 'EXPN a', 'AUTH PLAIN AA==', 'EHLO a', 'AUTH PLAIN AA=='], '250 214 252 502 503 250 503'],
]

for (const [name, lines, codes, effects = '', rules] of TABLE) {
  test(name, () => {
    const seen = run(lines, rulesOf(rules))
    assert.equal(seen.codes.join(' '), codes)
    assert.equal(seen.effects.join(' '), effects)
  })
}

test('what is offered is what is obeyed', () => {
  const offered = (rules: Partial<SessionRules>) => {
    const command = parseCommand(bytesOf('EHLO a'), { pathOctetsMax: 1024 })
    assert.ok(command.ok)
    return step({ at: 'fresh' }, command.value, rulesOf(rules)).reply.lines.slice(1)
  }
  assert.deepEqual(offered({}), ['PIPELINING', 'SIZE 1000', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES', 'DSN', 'STARTTLS'])
  assert.ok(!offered({ secure: true }).includes('STARTTLS'))
  assert.ok(!offered({ canStartTls: false }).includes('STARTTLS'))
})

test('the envelope keeps what a report will need', () => {
  const { state } = run(['EHLO a', 'MAIL FROM:<s@x> RET=HDRS ENVID=e+2B1', 'RCPT TO:<known@y> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;k@y'])
  assert.ok(state.at === 'envelope')
  assert.deepEqual(state.envelope, { sender: 's@x', parameters: { ret: 'HDRS', envid: 'e+1' }, recipients: [{ address: 'known@y', parameters: { notify: 'SUCCESS,FAILURE', orcpt: 'rfc822;k@y' } }] })
})

test('words at the other doors: one line, or an alert before it; never what was slipped in', () => {
  assert.match(otherDoors.submission(undefined), /^421 4\.3\.2 [^\r\n]*\r\n$/)
  assert.match(otherDoors.submission('2026-11-28T04:00+09:00'), /^421 4\.3\.2 maintenance until 2026-11-28T04:00\+09:00; [^\r\n]*\r\n$/)
  assert.match(otherDoors.imap(undefined), /^\* BYE \[UNAVAILABLE\] [^\r\n]*\r\n$/)
  assert.match(otherDoors.imap('4\r\n* OK'), /^\* OK \[ALERT\] maintenance until 4\?\?\* OK; [^\r\n]*\r\n\* BYE \[UNAVAILABLE\] [^\r\n]*\r\n$/)
})
