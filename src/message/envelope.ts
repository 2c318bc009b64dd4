// IMAP's ENVELOPE of a message (RFC 3501 §7.4.2, RFC 9051 §7.5.2) as protocol text, made once when the
// message arrives and stored. Values are the octets of the header, unfolded, encoded words left for
// the client; 8-bit ones go as literals, NUL never goes out. Repeated address fields count as one list.
import { parseAddressList, type AddressListItem } from './address-list.ts'
import { bytesOfByteString, trimSpace, type ByteString } from './byte-string.ts'
import { FIELD, KnownFields, readKnownFields } from './known-fields.ts'
import { imapNstring, imapString } from './protocol-string.ts'

/** The ENVELOPE text of a header section, parentheses included. */
export function envelopeOf(header: Uint8Array): Uint8Array {
  const fields = new KnownFields(header)
  readKnownFields(header, fields)
  return bytesOfByteString(envelopeText(fields))
}

export function envelopeText(fields: KnownFields, parsedFrom?: readonly AddressListItem[]): ByteString {
  const from = parsedFrom ? printAddresses(parsedFrom) : addresses(fields, FIELD.from)
  // "If the Sender or Reply-To lines are absent in the [RFC-2822] header, or are present but empty, the server sets
  // the corresponding member of the envelope to be the same value as the from member."
  const sender = addresses(fields, FIELD.sender)
  const replyTo = addresses(fields, FIELD.replyTo)
  return `(${imapNstring(fields.value(FIELD.date))} ${imapNstring(fields.value(FIELD.subject))} ${from} ${sender === 'NIL' ? from : sender} ${
    replyTo === 'NIL' ? from : replyTo} ${addresses(fields, FIELD.to)} ${addresses(fields, FIELD.cc)} ${addresses(fields, FIELD.bcc)} ${
    imapNstring(fields.value(FIELD.inReplyTo))} ${imapNstring(fields.value(FIELD.messageId))})`
}

/** Nothing known: what a nested message shows when there is no room for more. */
export const EMPTY_ENVELOPE = '(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)'

function addresses(fields: KnownFields, kind: typeof FIELD.from | typeof FIELD.sender | typeof FIELD.replyTo | typeof FIELD.to | typeof FIELD.cc | typeof FIELD.bcc): ByteString {
  const value = fields.joined(kind)
  return value === undefined ? 'NIL' : printAddresses(parseAddressList(value))
}

/**
 * `((name route local domain)…)`, or NIL for none. A missing domain is an empty string, because NIL there would
 * mean a group.
 */
export function printAddresses(items: readonly AddressListItem[]): ByteString {
  if (items.length === 0) return 'NIL'
  let text = '('
  for (const item of items) {
    if (item.kind === 'mailbox') {
      text += `(${item.name === undefined ? 'NIL' : imapNstring(trimSpace(item.name))} ${imapNstring(item.route)} ${imapString(item.local)} ${imapString(item.domain)})`
    } else if (item.kind === 'group-start') text += `(NIL NIL ${imapString(item.name)} NIL)`
    else text += '(NIL NIL NIL NIL)'
  }
  return `${text})`
}
