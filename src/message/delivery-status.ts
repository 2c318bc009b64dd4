// Composes delivery status notifications (RFC 3461, 3464, 6522; RFC 6533 where addresses or the message go
// beyond ASCII): what became of a message, for its sender, in words and for programs, with the message or
// its header. Pure: everything that varies is handed in. The notification goes out from the null sender.
import { isAscii } from 'node:buffer'
import { bytesOf, concatBytes } from '../base/bytes.ts'
import { bufferOver, isAsciiText } from './byte-string.ts'
import { printMailDate } from './date.ts'
import { OPENINGS, reasonFor, SUBJECTS } from './delivery-status-words.ts'
import { foldWords, printPhrase, printUnstructured } from './encoded-word.ts'
import { headerEndOf } from './headers.ts'
import { encodeBase64 } from './transfer-encoding.ts'

export type DeliveryAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'

export interface RecipientStatus {
  /** Where it was tried, `local@domain`. */
  address: string
  /** ORCPT, xtext already decoded (RFC 3461 §4.2). */
  original?: { type: string; address: string } | undefined
  action: DeliveryAction
  /** Enhanced status code, such as `5.1.1` (RFC 3463). */
  status: string
  /** The last reply, code and text on one line or several; `type` is `smtp` unless it is our own `x-…`. */
  diagnostic?: { type: string; text: string } | undefined
  /** Name of the server that gave the reply. */
  remoteMta?: string | undefined
  lastAttemptMs?: number | undefined
  /** Only for `delayed`. */
  willRetryUntilMs?: number | undefined
}

export interface DeliveryStatusFacts {
  /** Our name. */
  reportingMta: string
  /** From address, such as `MAILER-DAEMON@mx.example`. */
  from: string
  /** The sender, from the reverse path. */
  to: string
  /** With angle brackets. */
  messageId: string
  /** Letters and digits from `Random`, so that nobody can write the boundary into a message beforehand. */
  boundaryToken: string
  atMs: number
  zoneMinutes?: number
  /** ENVID, xtext decoded. */
  envelopeId?: string | undefined
  /** When the original arrived. */
  arrivalMs?: number | undefined
  /** Message-ID of the original, with angle brackets, so that the notification joins its thread. */
  originalMessageId?: string | undefined
  /** Subject of the original, decoded, for the words. */
  originalSubject?: string | undefined
  /** At least one. */
  recipients: readonly RecipientStatus[]
  /** The message, or at least its header section. */
  original: Uint8Array
  /** RET=FULL: the whole message goes back; only a failure may do so (RFC 3461 §4.3). */
  returnFull: boolean
}

/** Worst first: the notification is named for the worst thing in it. */
const ACTIONS: readonly DeliveryAction[] = ['failed', 'delayed', 'relayed', 'expanded', 'delivered']

/** The whole notification, CRLF line ends. */
export function composeDeliveryStatus(facts: DeliveryStatusFacts): Uint8Array {
  const worst = ACTIONS.find((action) => facts.recipients.some((recipient) => recipient.action === action)) ?? 'failed'
  const full = facts.returnFull && worst === 'failed'
  const returned = full ? facts.original : headerOf(facts.original)
  const headerIsAscii = isAscii(facts.original.subarray(0, headerEndOf(facts.original)))
  const status = printStatus(facts)
  const statusIsAscii = isAsciiText(status)
  let boundary = `=_${facts.boundaryToken.replace(/[^A-Za-z0-9]/g, '')}`
  while (bufferOver(returned).includes(boundary)) boundary += 'x'
  const has8bit = !statusIsAscii || !isAscii(returned)
  const subject = SUBJECTS[worst]
  const head = [
    foldWords('From:', [printPhrase('Mail Delivery System'), `<${bareAddress(facts.from)}>`]),
    `To: <${bareAddress(facts.to)}>\r\n`,
    printUnstructured('Subject', `${subject.en} / ${subject.ja}`),
    `Date: ${printMailDate(facts.atMs, facts.zoneMinutes ?? 0)}\r\n`,
    `Message-ID: ${oneLine(facts.messageId)}\r\n`,
    facts.originalMessageId ? `In-Reply-To: ${oneLine(facts.originalMessageId)}\r\nReferences: ${oneLine(facts.originalMessageId)}\r\n` : '',
    'Auto-Submitted: auto-replied\r\n', // RFC 3834 §5: nobody answers it
    'MIME-Version: 1.0\r\n',
    `Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="${boundary}"\r\n`,
    has8bit ? 'Content-Transfer-Encoding: 8bit\r\n' : '',
    '\r\n',
  ].join('')
  const words = [
    `--${boundary}\r\n`,
    'Content-Type: text/plain; charset=utf-8\r\nContent-Language: en, ja\r\nContent-Transfer-Encoding: base64\r\n\r\n',
    encodeBase64(bytesOf(printWords(facts))),
  ].join('')
  const machine = [
    `\r\n--${boundary}\r\n`,
    statusIsAscii ? 'Content-Type: message/delivery-status\r\n' : 'Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n',
    `\r\n${status}`,
  ].join('')
  const returnedType = full ? (headerIsAscii ? 'message/rfc822' : 'message/global') : headerIsAscii ? 'text/rfc822-headers' : 'message/global-headers'
  const returnedHead = `\r\n--${boundary}\r\nContent-Type: ${returnedType}\r\n${isAscii(returned) ? '' : 'Content-Transfer-Encoding: 8bit\r\n'}\r\n`
  return concatBytes([bytesOf(head), bytesOf(words), bytesOf(machine), bytesOf(returnedHead), returned, bytesOf(`\r\n--${boundary}--\r\n`)])
}

/** The header section: what is returned under RET=HDRS. */
function headerOf(message: Uint8Array): Uint8Array {
  return message.subarray(0, headerEndOf(message))
}

/** The fields for programs (RFC 3464 §2). */
function printStatus(facts: DeliveryStatusFacts): string {
  let text = ''
  if (facts.envelopeId) text += field('Original-Envelope-Id', facts.envelopeId)
  text += field('Reporting-MTA', `dns; ${facts.reportingMta}`)
  const zone = facts.zoneMinutes ?? 0
  if (facts.arrivalMs !== undefined) text += field('Arrival-Date', printMailDate(facts.arrivalMs, zone))
  for (const recipient of facts.recipients) {
    text += '\r\n'
    if (recipient.original) text += field('Original-Recipient', `${recipient.original.type.toLowerCase()}; ${recipient.original.address}`)
    text += field('Final-Recipient', `${isAsciiText(recipient.address) ? 'rfc822' : 'utf-8'}; ${recipient.address}`)
    text += field('Action', recipient.action)
    text += field('Status', recipient.status)
    if (recipient.remoteMta) text += field('Remote-MTA', `dns; ${recipient.remoteMta}`)
    if (recipient.diagnostic) text += field('Diagnostic-Code', `${recipient.diagnostic.type}; ${diagnosticText(facts, recipient.diagnostic.text)}`)
    if (recipient.lastAttemptMs !== undefined) text += field('Last-Attempt-Date', printMailDate(recipient.lastAttemptMs, zone))
    if (recipient.action === 'delayed' && recipient.willRetryUntilMs !== undefined) text += field('Will-Retry-Until', printMailDate(recipient.willRetryUntilMs, zone))
  }
  return text
}

/** Replies may hold UTF-8 (RFC 6531 §3.7.4); it is told only where the notification is international anyway. */
function diagnosticText(facts: DeliveryStatusFacts, text: string): string {
  const international = facts.recipients.some(({ address, original }) => !isAsciiText(address) || !isAsciiText(original?.address ?? ''))
  // eslint-disable-next-line no-control-regex
  return international ? text : text.replace(/[^\x00-\x7f]/g, '?')
}

const VALUE_CHARACTERS_MAX = 2000

function field(name: string, value: string): string {
  return foldWords(`${name}:`, oneLine(value).slice(0, VALUE_CHARACTERS_MAX).trim().split(/ +/))
}

function bareAddress(address: string): string {
  return oneLine(address).replace(/[<>]/g, '')
}

function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ')
}

function printWords(facts: DeliveryStatusFacts): string {
  const english: string[] = []
  const japanese: string[] = []
  const about = facts.originalSubject ? oneLine(facts.originalSubject).slice(0, 200) : ''
  if (about) {
    english.push(`Subject: ${about}`, '')
    japanese.push(`件名: ${about}`, '')
  }
  for (const action of ACTIONS) {
    const recipients = facts.recipients.filter((recipient) => recipient.action === action)
    if (recipients.length === 0) continue
    english.push(OPENINGS[action].en, '')
    japanese.push(OPENINGS[action].ja, '')
    for (const recipient of recipients) {
      english.push(...recipientWords(facts, recipient, 'en'))
      japanese.push(...recipientWords(facts, recipient, 'ja'))
    }
  }
  english.push(`This notice was written by the mail server ${facts.reportingMta}.`)
  japanese.push(`この通知はメールサーバー ${facts.reportingMta} が自動的に作成しました。`)
  return [...english, '', '----------------------------------------', '', ...japanese, ''].join('\r\n')
}

function recipientWords(facts: DeliveryStatusFacts, recipient: RecipientStatus, language: 'en' | 'ja'): string[] {
  const lines = [`  <${oneLine(recipient.address)}>`]
  const reason = reasonFor(recipient.status)
  if (reason) lines.push(language === 'en' ? `    Reason: ${reason.en} (${recipient.status})` : `    理由: ${reason.ja} (${recipient.status})`)
  if (recipient.diagnostic) {
    const by = recipient.remoteMta ? (language === 'en' ? `${recipient.remoteMta} said` : `${recipient.remoteMta} の応答`) : language === 'en' ? 'Details' : '詳細'
    lines.push(`    ${by}: ${oneLine(recipient.diagnostic.text).slice(0, VALUE_CHARACTERS_MAX)}`)
  }
  if (recipient.action === 'delayed' && recipient.willRetryUntilMs !== undefined) {
    const until = printMailDate(recipient.willRetryUntilMs, facts.zoneMinutes ?? 0)
    lines.push(language === 'en' ? `    It will be tried until ${until}.` : `    ${until} まで再送を続けます。`)
  }
  lines.push('')
  return lines
}
