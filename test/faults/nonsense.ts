// What strangers and broken programs say: octets of any kind, and commands that are nearly right. All of it from one
// seed, so that a run can be had again.
import type { Random } from '../../src/base/random.ts'

export type Dialect = 'imap' | 'smtp'

/** One thing to send. */
export function nonsense(random: Random, dialect: Dialect): Buffer {
  switch (random.int(8)) {
    case 0: return octets(random, 1 + random.int(3000))
    case 1: return Buffer.concat([octets(random, random.int(40)), Buffer.from('\r\n')])
    case 2: return mutated(random, Buffer.concat(Array.from({ length: 1 + random.int(20) }, () => sentence(random, dialect))))
    case 3: return mutated(random, sentence(random, dialect))
    default: return sentence(random, dialect)
  }
}

function octets(random: Random, count: number): Buffer {
  const bytes = Buffer.alloc(count)
  for (let i = 0; i < count; i += 1) bytes[i] = random.int(256)
  return bytes
}

/** Some octets turned, left out, doubled or put in. */
function mutated(random: Random, bytes: Buffer): Buffer {
  let result = bytes
  for (let i = 1 + random.int(4); i > 0; i -= 1) {
    const at = random.int(result.length + 1)
    const [before, behind] = [result.subarray(0, at), result.subarray(at)]
    switch (random.int(4)) {
      case 0: result = Buffer.concat([before, octets(random, 1 + random.int(3)), behind]); break
      case 1: result = Buffer.concat([before, behind.subarray(1 + random.int(4))]); break
      case 2: result = Buffer.concat([before, behind.subarray(0, 20), behind]); break
      default: result = Buffer.concat([before, Buffer.from(pick(random, ['\r', '\n', '\r\n', '\0', '(', ')', '"', '{', '}', '\\', '*', ' ', '<', '>', ':', '.'])), behind])
    }
  }
  return result
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.int(from.length)] as T
}

function sentence(random: Random, dialect: Dialect): Buffer {
  return Buffer.from(`${dialect === 'imap' ? imapCommand(random) : smtpCommand(random)}\r\n`, 'latin1')
}

// ------------------------------------------------------------------ IMAP

const sets = ['1', '*', '1:*', '*:1', '0', '1:0', '4294967295', '4294967296', '99999999999999999999', '1,2,3', '1,,2', '3:1,2:*,*', '$', '1:', ':', '-1', `1${',1'.repeat(5000)}`, '1:4294967295']
const words = ['INBOX', 'inbox', '""', '"', '"a', '"\\', '"\\x"', '"\\""', 'NIL', '&', '&AGE', '&AGE-', '&-', '&&&&', '"&*-"', 'a/b/c', '//', '/', 'INBOX/', '"Sent Mail"', '~', '#news.', '%', '*', `"${'x'.repeat(3000)}"`, 'x'.repeat(2000), '\xff\xfe', '(', ')', '()', '((', `${'('.repeat(3000)}`, `${'('.repeat(200)}${')'.repeat(200)}`]
const literals = ['{0+}\r\n', '{3+}\r\nabc', '{3+}\r\n\0\0\0', '~{3+}\r\n\0ab', '{3}', '{99999999999999999999}', '{2147483648+}', '{-1+}\r\n', '{+}\r\n', '{1+', '{5+}\r\na\r\nbc', '{70000+}\r\nx']
const sections = ['', 'TEXT', 'HEADER', 'MIME', '1', '1.1', '0', '1.0', '1.MIME', '1.TEXT', '1.2.3.4.5.6.7.8.9.HEADER', '4294967296', 'HEADER.FIELDS (a b)', 'HEADER.FIELDS ()', 'HEADER.FIELDS', 'HEADER.FIELDS.NOT (subject)', '1.HEADER.FIELDS ("a" {1+}\r\nb)', `1${'.1'.repeat(4000)}`, 'TEXT.1', '..', '1.']
const partials = ['', '<0.0>', '<0.1>', '<1.4294967295>', '<4294967295.1>', '<0>', '<-1.5>', '<1.2', '<99999999999999.5>']
const keys = ['ALL', 'ANSWERED', 'NOT', 'NOT NOT NOT ALL', 'OR', 'OR ALL', 'OR ALL SEEN', 'SUBJECT', 'SUBJECT x', 'TEXT ""', 'BODY {3+}\r\nabc', 'HEADER x y', 'HEADER "" ""', 'UID 1:*', 'UID', 'SINCE 1-Feb-1994', 'BEFORE 99-Xyz-0000', 'ON "31-Feb-2020"', 'LARGER 4294967296', 'SMALLER -1', 'KEYWORD \\Seen', 'KEYWORD $x', 'MODSEQ 0', 'MODSEQ "/flags/\\\\draft" all 1', 'CHARSET utf-8 ALL', 'CHARSET x-none ALL', 'OLDER 0', 'YOUNGER 99999999999', 'EMAILID x', `${'NOT '.repeat(3000)}ALL`, `${'OR ALL '.repeat(3000)}ALL`, `${'('.repeat(500)}ALL${')'.repeat(500)}`, 'RETURN (MIN MAX COUNT ALL SAVE) ALL', 'RETURN () ALL', '1:* (2 3)']
const items = ['ALL', 'FAST', 'FULL', 'FLAGS', 'UID', 'ENVELOPE', 'BODY', 'BODYSTRUCTURE', 'RFC822', 'RFC822.SIZE', 'RFC822.HEADER', 'RFC822.TEXT', 'INTERNALDATE', 'MODSEQ', 'EMAILID', 'THREADID', 'SAVEDATE', 'PREVIEW', 'PREVIEW (LAZY)', '()', '(FLAGS FLAGS UID UID)', 'BINARY[1]', 'BINARY.PEEK[]', 'BINARY.SIZE[1.2]', 'X', 'BODY[', 'BODY.PEEK[]', 'BODYSTRUCTURE[1]']
const flags = ['()', '(\\Seen)', '\\Seen \\Deleted', '(\\Recent)', '(\\*)', '(\\)', '($x y z)', `(${Array.from({ length: 400 }, (_, i) => `k${i}`).join(' ')})`, '(\\Seen \\Seen \\seen)', '(")', `(${'q'.repeat(3000)})`, '(\xe9)']
const names = ['CAPABILITY', 'NOOP', 'STARTTLS', 'AUTHENTICATE', 'LOGIN', 'ENABLE', 'SELECT', 'EXAMINE', 'CREATE', 'DELETE', 'RENAME', 'SUBSCRIBE', 'UNSUBSCRIBE', 'LIST', 'LSUB', 'NAMESPACE', 'STATUS', 'APPEND', 'IDLE', 'CLOSE', 'UNSELECT', 'EXPUNGE', 'SEARCH', 'FETCH', 'STORE', 'COPY', 'MOVE', 'UID', 'ID', 'CHECK', 'GETQUOTA', 'GETQUOTAROOT', 'SETACL', 'THREAD', 'SORT', 'XYZZY', 'DONE', 'UID FETCH', 'UID STORE', 'UID EXPUNGE']

function imapCommand(random: Random): string {
  const any = () => pick(random, [pick(random, words), pick(random, literals), pick(random, sets), pick(random, flags), String(random.int(1_000_000))])
  const name = () => pick(random, [pick(random, words), 'INBOX', `box-${random.int(20)}`, `"box-${random.int(5)}/sub"`])
  const uid = random.int(2) === 0 ? 'UID ' : ''
  const tag = pick(random, ['a', 'A1', 't+', '*', '', 'x'.repeat(200), '\xff', '1'])
  const section = () => `BODY${pick(random, ['', '.PEEK'])}[${pick(random, sections)}]${pick(random, partials)}`
  const command = [
    () => `${pick(random, names)} ${Array.from({ length: random.int(5) }, any).join(' ')}`,
    () => `${uid}FETCH ${pick(random, sets)} (${Array.from({ length: 1 + random.int(4) }, () => pick(random, [section(), pick(random, items)])).join(' ')})`,
    () => `${uid}FETCH ${pick(random, sets)} ${pick(random, [section(), pick(random, items)])} (CHANGEDSINCE ${pick(random, sets)}${pick(random, ['', ' VANISHED'])})`,
    () => `${uid}SEARCH ${Array.from({ length: 1 + random.int(4) }, () => pick(random, keys)).join(' ')}`,
    () => `${uid}STORE ${pick(random, sets)} ${pick(random, ['', '(UNCHANGEDSINCE 0) ', '(UNCHANGEDSINCE x) '])}${pick(random, ['FLAGS', '+FLAGS', '-FLAGS', '+FLAGS.SILENT', 'X'])} ${pick(random, flags)}`,
    () => `${uid}${pick(random, ['COPY', 'MOVE'])} ${pick(random, sets)} ${name()}`,
    () => `${pick(random, ['SELECT', 'EXAMINE'])} ${name()}${pick(random, ['', ' (CONDSTORE)', ' (QRESYNC (1 2))', ' (QRESYNC (1 2 1:* (1 1)))', ' ('])}`,
    () => `${pick(random, ['CREATE', 'DELETE', 'SUBSCRIBE', 'UNSUBSCRIBE'])} ${name()}${pick(random, ['', ' (USE (\\Sent))', ' (USE ('])}`,
    () => `RENAME ${name()} ${name()}`,
    () => `${pick(random, ['LIST', 'LSUB'])} ${pick(random, words)} ${pick(random, ['*', '%', '%*%*%*%*%*%*%*%*%*x', '"*"', '(INBOX box-1)', `${'%/'.repeat(300)}*`, `"${'*'.repeat(3000)}x"`])}${pick(random, ['', ' RETURN (CHILDREN STATUS (MESSAGES))', ' RETURN (', ' RETURN (SPECIAL-USE)'])}`,
    () => `STATUS ${name()} (${pick(random, ['MESSAGES UIDNEXT', 'SIZE', 'HIGHESTMODSEQ', '', 'X', 'DELETED UNSEEN'])})`,
    () => `APPEND ${name()} ${pick(random, ['', '(\\Seen) ', '"01-Jan-2020 00:00:00 +0000" ', '"99-Xxx-2020 00:00:00 +9999" ', '() "x" '])}${pick(random, literals)}`,
    () => `APPEND INBOX {${30 + random.int(3)}+}\r\nSubject: x\r\n\r\n${'y'.repeat(18)}`,
    () => `AUTHENTICATE ${pick(random, ['PLAIN', 'LOGIN', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS', 'X'])} ${pick(random, ['', '=', 'AGEAYg==', '!!!!', '*', 'biws', 'bixhPWIsbj1hLHI9Yg=='])}\r\n${pick(random, ['*', 'AGEAYg==', '', 'x'.repeat(5000), 'Yz1iaXdzLHI9Yg=='])}`,
    () => `IDLE\r\n${pick(random, ['DONE', 'done', 'x', '', 'a NOOP'])}`,
    () => `ID (${pick(random, ['"name" "x"', 'NIL', '"a"', `${'"k" "v" '.repeat(200)}`])})`,
    () => `ENABLE ${pick(random, ['CONDSTORE', 'QRESYNC', 'UTF8=ACCEPT', 'X Y', 'IMAP4rev2', ''])}`,
  ]
  return `${tag} ${pick(random, command)()}`
}

// ------------------------------------------------------------------ SMTP

const paths = ['<>', '<user@test.example>', '<nobody@test.example>', '<user+tag@test.example>', '<"a b"@test.example>', '<"\\"@test.example>', '<@a,@b:user@test.example>', 'user@test.example', '<user@[127.0.0.1]>', '<user@[IPv6:::1]>', '<user@>', '<@>', '<user@@test.example>', '< user@test.example >', '<postmaster>', '<Postmaster@test.example>', '<..@test.example>', `<${'x'.repeat(300)}@test.example>`, `<x@${'a.'.repeat(200)}example>`, '<\xc3\xa4@test.example>', '<\xff@test.example>', '<a\0b@test.example>', '<', '', '<user@test.example']
const parameters = ['', ' SIZE=100', ' SIZE=99999999999999999999', ' SIZE=', ' SIZE=-1', ' BODY=8BITMIME', ' BODY=BINARYMIME', ' BODY=X', ' SMTPUTF8', ' RET=FULL ENVID=a+3D', ' ENVID=+XX', ' AUTH=<>', ' AUTH=x', ' X=y', ` ${'A=b '.repeat(1000)}`, ' NOTIFY=NEVER', ' NOTIFY=SUCCESS,FAILURE', ' NOTIFY=NEVER,DELAY', ' ORCPT=rfc822;x', ' ORCPT=;', ' =']
const bodies = ['x', 'Subject: x\r\n\r\ny', '.', '..', '\n.\n', '\r.\r', '\r\n.\n', '\0', 'a'.repeat(5000), `${'a\r\n'.repeat(500)}`, ': x\r\n\r\n', '\r\n', 'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b--', '\xff\xfe']

function smtpCommand(random: Random): string {
  const envelope = () => `MAIL FROM:${pick(random, paths)}${pick(random, parameters)}\r\nRCPT TO:${pick(random, paths)}${pick(random, parameters)}`
  const command = [
    () => `EHLO ${pick(random, ['client.example', '', '[127.0.0.1]', '[IPv6:::1]', '\xff', 'x'.repeat(600), 'a b c'])}`,
    () => `HELO ${pick(random, ['client.example', ''])}`,
    () => `MAIL FROM:${pick(random, paths)}${pick(random, parameters)}`,
    () => `RCPT TO:${pick(random, paths)}${pick(random, parameters)}`,
    envelope,
    () => `EHLO c\r\n${envelope()}\r\nDATA\r\n${pick(random, bodies)}\r\n.`,
    () => `EHLO c\r\nMAIL FROM:<s@sender.example>\r\nRCPT TO:<user@test.example>\r\nDATA\r\n${Array.from({ length: 1 + random.int(5) }, () => pick(random, bodies)).join('\r\n')}\r\n.`,
    () => `EHLO c\r\nMAIL FROM:<s@sender.example> BODY=BINARYMIME\r\nRCPT TO:<user@test.example>\r\nBDAT ${random.int(20)}\r\n${'z'.repeat(random.int(20))}BDAT 3 LAST\r\nabc`,
    () => `BDAT ${pick(random, ['0', '0 LAST', '5 LAST', '99999999999999999999', '-1', '', '5 X', '2147483648 LAST', '1'])}\r\n${'z'.repeat(random.int(8))}`,
    () => `DATA${pick(random, ['', ' now'])}\r\n${pick(random, bodies)}`,
    () => pick(random, ['RSET', 'NOOP', 'QUIT', 'HELP', 'HELP MAIL', 'VRFY user', 'EXPN list', 'TURN', 'ETRN x', 'XCLIENT ADDR=1.2.3.4', 'STARTTLS', 'STARTTLS x', 'GET / HTTP/1.1', 'PROXY TCP4 1.2.3.4 5.6.7.8 9 10', '\r\n\r\n', '.', 'MAIL', 'RCPT', 'mail from:<>']),
    () => `AUTH ${pick(random, ['PLAIN', 'LOGIN', 'SCRAM-SHA-256', 'X', ''])} ${pick(random, ['', '=', '*', 'AGEAYg==', '!!', 'biws', 'x'.repeat(13_000)])}\r\n${pick(random, ['*', 'AGEAYg==', '', 'Yg==\r\nYg=='])}`,
  ]
  return pick(random, command)()
}
