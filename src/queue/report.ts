// The report that an outbox row owes: rows of the queue and the original's bytes → one delivery status
// notification (RFC 3461 §6, 3464) for the sender. Pure. It goes out from the null sender, so nobody
// ever reports about a report.
import { bytesOfLatin1, concatBytes } from '../base/bytes.ts'
import { composeDeliveryStatus } from '../message/delivery-status.ts'
import type { RecipientStatus } from '../message/delivery-status.ts'
import { decodeEncodedWords } from '../message/encoded-word.ts'
import { firstFieldValue } from '../message/headers.ts'
import { printWorkId } from '../store/store.ts'
import type { OutboxRow, WorkRow } from '../store/store.ts'
import { isPeersReply } from '../wire/smtp/owed-report.ts'

export interface ReportFacts {
  report: OutboxRow['report']
  /** The rows that the report names; all of one arrival, at least one. */
  works: readonly WorkRow[]
  /** The original as far as it goes back: the whole of it, or at least its header. Without the relay prefix. */
  original: { bytes: Uint8Array; isWhole: boolean }
  hostname: string
  messageId: string
  boundaryToken: string
  atMs: number
  lifetimeMs: number
}

export function composeReport(facts: ReportFacts): Uint8Array {
  const { works, hostname, report, original } = facts
  const first = works[0]!
  const bytes = concatBytes([bytesOfLatin1(first.relayPrefix), original.bytes])
  const subject = firstFieldValue(bytes, 'subject')
  return composeDeliveryStatus({
    reportingMta: hostname,
    from: `MAILER-DAEMON@${hostname}`,
    to: first.sender,
    messageId: facts.messageId,
    boundaryToken: facts.boundaryToken,
    atMs: facts.atMs,
    envelopeId: first.envid ?? undefined,
    arrivalMs: first.createdMs,
    originalMessageId: first.messageId === null ? undefined : `<${first.messageId}>`,
    originalSubject: subject === undefined ? undefined : decodeEncodedWords(subject),
    recipients: statusesOf(report, works, facts.lifetimeMs),
    original: bytes,
    returnFull: first.ret === 'FULL' && original.isWhole,
  })
}

function statusesOf(report: OutboxRow['report'], works: readonly WorkRow[], lifetimeMs: number): RecipientStatus[] {
  const byId = new Map(works.map((work) => [printWorkId(work.id), work]))
  return report.works.flatMap(({ work, reply, remote, status }): RecipientStatus[] => {
    const row = byId.get(printWorkId(work))
    if (!row) return []
    const isReply = isPeersReply(reply)
    const host = remoteHost(remote)
    return [{
      address: row.recipient,
      original: originalOf(row.orcpt),
      action: report.kind,
      status: status === '' ? plainStatus(report.kind) : status,
      diagnostic: reply === '' ? undefined : { type: isReply ? 'smtp' : 'x-daruma', text: reply },
      remoteMta: isReply && host !== '' ? host : undefined,
      lastAttemptMs: row.lastAttemptMs ?? undefined,
      willRetryUntilMs: report.kind === 'delayed' ? row.createdMs + lifetimeMs : undefined,
    }]
  })
}

function plainStatus(kind: OutboxRow['report']['kind']): string {
  return kind === 'failed' ? '5.0.0' : kind === 'delayed' ? '4.0.0' : '2.0.0'
}

/** "mx.example.org [192.0.2.1]:25" → "mx.example.org"; an address alone stays in its brackets. */
function remoteHost(remote: string): string {
  return /^\S+/.exec(remote)?.[0].replace(/\]:\d+$/, ']') ?? ''
}

function originalOf(orcpt: string | null): RecipientStatus['original'] {
  if (orcpt === null) return undefined
  const semicolon = orcpt.indexOf(';')
  return semicolon < 0 ? { type: 'rfc822', address: orcpt } : { type: orcpt.slice(0, semicolon), address: orcpt.slice(semicolon + 1) }
}
