// Reports that the queue owes become arrivals here, once: filed with the sender's own account, or sent on to where the
// sender is. They carry their origin, so that a crash in between makes no second one. No check is asked of them, no
// sender stands on them (RFC 3464 §2, RFC 5321 §4.5.5).
import { createHash } from 'node:crypto'
import { latin1Of } from '../base/bytes.ts'
import { summarize } from '../message/summary.ts'
import { printDeliveredTo, printReturnPath } from '../message/trace-fields.ts'
import { domainKey, type Origin, type Plan, type Store } from '../store/store.ts'
import { resolveRecipient, type DeliveryRules } from './resolve-recipient.ts'

export interface ReportToDeliver {
  to: string
  bytes: Uint8Array
  origin: Origin
  smtputf8: boolean
}

export interface ReportTools {
  store: Pick<Store, 'directory' | 'accept'>
  delivery: () => DeliveryRules
}

/** Resolves once it is durable, or says why nobody can ever take it. Throws for what passes. */
export function createReportDelivery(tools: ReportTools): (report: ReportToDeliver) => Promise<{ kept: true } | { kept: false; reason: string }> {
  return async ({ to, bytes, origin, smtputf8 }) => {
    const found = resolveRecipient(to, tools.store.directory, tools.delivery())
    if (found.end === 'unknown-user') return { kept: false, reason: `${to} does not exist here any more` }
    if (found.end === 'alias-loop') return { kept: false, reason: `${to} is an alias that leads to itself` }
    const accounts = found.end === 'found' ? found.accounts : []
    const outside = found.end === 'found' ? found.outside : [to]
    const summary = summarize(bytes)
    const prefix = latin1Of(new TextEncoder().encode(printReturnPath('') + printDeliveredTo(to)))
    // Moved to the journal's thread, so a buffer of its own.
    const own = new Uint8Array(bytes)
    await tools.store.accept({
      kind: 'arrival', sender: '', via: 'bounce', origin,
      ...(smtputf8 ? { smtputf8 } : {}),
      bodyType: '8BITMIME',
      facts: {
        size: own.length, envelope: latin1Of(summary.envelope), structure: latin1Of(summary.structure), threadKeys: summary.threadKeys,
        ...(summary.messageId === undefined ? {} : { messageId: summary.messageId.replace(/^<|>$/g, '') }),
      },
      plans: accounts.map((account): Plan => ({ account, bits: 0, keywords: '', prefix, recipients: [to] })),
      work: outside.map((recipient) => ({ recipient, domain: domainKey(recipient.slice(recipient.lastIndexOf('@') + 1)), notify: 'NEVER' })),
    }, { at: 'memory', bytes: own, sha256: createHash('sha256').update(own).digest() })
    return { kept: true }
  }
}
