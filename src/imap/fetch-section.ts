// BODY[section] of one message: which octets it names (RFC 3501 §6.4.5), and their way to the client. What is
// absent is NIL. Whole messages and headers include the delivery prefix; parts do not reach into it.
import { concatBytes } from '../base/bytes.ts'
import { Outage } from '../base/errors.ts'
import { partAt, sectionOf } from '../message/bodystructure.ts'
import { selectFields } from '../message/headers.ts'
import { transferDecoder } from '../message/transfer-encoding.ts'
import type { Partial, Section } from '../wire/imap/parse-fetch.ts'
import type { Conversation } from './conversation.ts'
import { pieceOctets, windowOf } from './message-bytes.ts'
import type { MessageBytes, Piece } from './message-bytes.ts'
import { PeerGone } from './peer.ts'

/** Octets that one decoded part may take in memory. */
const DECODED_OCTETS_MAX = 64 * 1024 * 1024

export async function piecesOfSection(message: MessageBytes, section: Section): Promise<Piece[] | undefined> {
  const { part, text, fields } = section
  if (part.length > 0) return piecesOfPart(message, section)
  switch (text) {
    case 'WHOLE': return message.everything()
    case 'HEADER': return [memory(message.prefix), memory(await message.header())]
    case 'TEXT': return [message.range((await message.header()).length, message.bodyOctets)]
    case 'HEADER.FIELDS':
    case 'HEADER.FIELDS.NOT': {
      const header = await message.header()
      const all = message.prefix.length === 0 ? header : concatBytes([message.prefix, header])
      return [memory(selectFields(all, fields, text === 'HEADER.FIELDS' ? 'only' : 'not'))]
    }
    case 'MIME': return undefined // the grammar asks for a part
  }
}

async function piecesOfPart(message: MessageBytes, { part, text, fields }: Section): Promise<Piece[] | undefined> {
  const tree = await message.tree()
  switch (text) {
    case 'WHOLE':
    case 'HEADER':
    case 'TEXT':
    case 'MIME': {
      const range = sectionOf(tree, part, text === 'WHOLE' ? undefined : text)
      return range && [message.range(range.start, range.end)]
    }
    case 'HEADER.FIELDS':
    case 'HEADER.FIELDS.NOT': {
      const range = sectionOf(tree, part, 'HEADER')
      if (!range) return undefined
      const header = await message.bytes(range.start, range.end)
      return [memory(selectFields(header, fields, text === 'HEADER.FIELDS' ? 'only' : 'not'))]
    }
  }
}

function memory(bytes: Uint8Array): Piece {
  return { from: 'memory', bytes }
}

/** Writes the literal. Between the slices of a large one a slow client is waited for. */
export async function writePieces(talk: Conversation, message: MessageBytes, pieces: readonly Piece[] | undefined, partial: Partial | undefined): Promise<void> {
  const { out } = talk
  if (!pieces) {
    out.text('NIL')
    return
  }
  const window = partial ? windowOf(pieces, partial.offset, partial.count) : pieces
  let octets = 0
  for (const piece of window) octets += pieceOctets(piece)
  if (octets === 0) {
    out.text('""')
    return
  }
  out.literalHead(octets)
  for (const piece of window) {
    if (piece.from === 'memory') {
      out.bytes(piece.bytes)
      continue
    }
    try {
      for await (const slice of message.slices(piece.start, piece.end)) {
        out.bytes(slice)
        await talk.breathe()
      }
    } catch (error) {
      if (error instanceof PeerGone) throw error
      // The size is announced and the bytes cannot be had: there is no honest way to go on.
      talk.services.log.error('a message could not be read while it was being sent', { error: error instanceof Error ? error.message : String(error) })
      talk.peer.end()
      throw new PeerGone()
    }
  }
}

/** BINARY (RFC 3516): a part without its transfer encoding. undefined: there is no such part. */
export async function decodedPart(message: MessageBytes, part: readonly number[]): Promise<Uint8Array | undefined | 'unknown-encoding'> {
  const tree = await message.tree()
  const found = part.length === 0 ? tree : partAt(tree, part)
  if (!found) return undefined
  if (message.bodyOctets > DECODED_OCTETS_MAX) throw new Outage('the message is too large to be decoded', { operation: 'decode' })
  if (part.length === 0) return concatBytes([message.prefix, await message.bytes(0, message.bodyOctets)])
  if (found.kind === 'leaf' && !KNOWN_ENCODINGS.has(found.encoding)) return 'unknown-encoding'
  if (found.bodyEnd - found.bodyStart > DECODED_OCTETS_MAX) throw new Outage('the part is too large to be decoded', { operation: 'decode' })
  const decoder = transferDecoder(found.kind === 'leaf' ? found.encoding : '7bit')
  const parts: Uint8Array[] = []
  for await (const slice of message.slices(found.bodyStart, found.bodyEnd)) parts.push(decoder.push(slice))
  parts.push(decoder.end())
  return concatBytes(parts)
}

const KNOWN_ENCODINGS = new Set(['7bit', '8bit', 'binary', 'base64', 'quoted-printable'])
