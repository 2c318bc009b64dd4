// Everything that the way in wants to know of a message, in one pass: what is stored beside it as ready
// protocol text (ENVELOPE, BODYSTRUCTURE), its thread keys, and what checks ask of its header. Small
// messages go through `summarize` whole; of a large one the header goes through `summarizeHeader` and
// the whole through a StructureScanner, piece by piece.
import { isAscii } from 'node:buffer'
import { addrSpecText, mailboxesOf, parseAddressList, type AddressListItem } from './address-list.ts'
import { bodyStructureOf } from './bodystructure.ts'
import { bytesOfByteString, isAsciiText, type ByteString } from './byte-string.ts'
import { envelopeText } from './envelope.ts'
import { FIELD, KnownFields, readKnownFields } from './known-fields.ts'
import { scanStructure, type StructureLimits } from './structure.ts'
import { messageIds, threadKeys } from './thread-keys.ts'

export interface HeaderSummary {
  /** ENVELOPE as protocol text. */
  envelope: Uint8Array
  /** With its angle brackets, as text; undefined when missing or empty. */
  messageId: string | undefined
  /** By the rule that thread-keys.ts names. */
  threadKeys: string[]
  receivedCount: number
  hasDate: boolean
  hasMessageId: boolean
  hasFrom: boolean
  /** Addresses of the From fields, `local@domain`, as written; "" for a mailbox of which no address can be read. */
  fromAddresses: string[]
  /** Octets up to and with the empty line. */
  headerOctets: number
  /** The header has octets above 127 (RFC 6532), so that its transport needs SMTPUTF8 or 8BITMIME's mercy. */
  headerHas8bit: boolean
}

export interface MessageSummary extends HeaderSummary {
  /** BODYSTRUCTURE as protocol text. */
  structure: Uint8Array
}

/** A whole message in memory. */
export function summarize(bytes: Uint8Array, limits?: StructureLimits): MessageSummary {
  let header: HeaderSummary | undefined
  const root = scanStructure(bytes, {
    limits,
    onHeader: (fields, bodyStart) => {
      header = summaryOf(fields, bytes.subarray(0, bodyStart))
    },
  })
  return { ...header!, structure: bodyStructureOf(root) }
}

/** The header section alone; what follows its empty line is not looked at. */
export function summarizeHeader(header: Uint8Array): HeaderSummary {
  const fields = new KnownFields(header)
  const end = readKnownFields(header, fields)
  return summaryOf(fields, header.subarray(0, end))
}

function summaryOf(fields: KnownFields, header: Uint8Array): HeaderSummary {
  const fromValue = fields.joined(FIELD.from)
  const from: AddressListItem[] = fromValue === undefined ? [] : parseAddressList(fromValue)
  return {
    envelope: bytesOfByteString(envelopeText(fields, from)),
    messageId: readMessageId(fields.value(FIELD.messageId)),
    threadKeys: threadKeys(fields),
    receivedCount: fields.receivedCount,
    hasDate: fields.has(FIELD.date),
    hasMessageId: fields.has(FIELD.messageId),
    hasFrom: fromValue !== undefined,
    fromAddresses: mailboxesOf(from).map(addrSpecText),
    headerOctets: header.length,
    headerHas8bit: !isAscii(header),
  }
}

function readMessageId(value: ByteString | undefined): string | undefined {
  if (!value) return undefined
  const id = messageIds(value, 1)[0]
  const octets = id === undefined ? value.slice(0, 998) : `<${id}>`
  return isAsciiText(octets) ? octets : Buffer.from(octets, 'latin1').toString('utf8')
}
