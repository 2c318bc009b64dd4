// A message's bytes as they leave in DATA (RFC 5321 §4.5.2): dots doubled at the start of lines, and
// nothing in them that a careless server could take for the end. Whatever is stored, what leaves
// holds no bare CR, no bare LF and no NUL: a bare CR or LF becomes CRLF, a NUL is dropped. Only
// messages that came as BINARYMIME, by APPEND or from a script can hold such things at all.
// Bytes are passed through as slices of what came in; nothing is copied.
import { CR, LF, NUL } from '../base/bytes.ts'

const DOT = 46
const CRLF = Uint8Array.of(CR, LF)
const END = Uint8Array.of(DOT, CR, LF)
const CRLF_END = Uint8Array.of(CR, LF, DOT, CR, LF)

export interface DataWriter {
  /** The next bytes of the message, as slices in order. */
  write(chunk: Uint8Array): Uint8Array[]
  /** Ends the last line if it has no end, then the final dot. */
  finish(): Uint8Array
}

export function createDataWriter(): DataWriter {
  let atLineStart = true
  /** A CR was the last byte of a chunk: whether it is bare is known with the next one. */
  let crHeld = false
  return {
    write(chunk) {
      const parts: Uint8Array[] = []
      const length = chunk.length
      if (length === 0) return parts
      let from = 0
      let i = 0
      if (crHeld) {
        crHeld = false
        parts.push(CRLF)
        atLineStart = true
        if (chunk[0] === LF) from = i = 1
      }
      for (; i < length; i++) {
        const byte = chunk[i]!
        if (byte > DOT) {
          atLineStart = false
        } else if (byte === CR) {
          if (i + 1 === length) {
            if (i > from) parts.push(chunk.subarray(from, i))
            crHeld = true
            return parts
          }
          if (chunk[i + 1] === LF) {
            i++
          } else {
            parts.push(chunk.subarray(from, i), CRLF)
            from = i + 1
          }
          atLineStart = true
        } else if (byte === LF) {
          parts.push(chunk.subarray(from, i), CRLF)
          from = i + 1
          atLineStart = true
        } else if (byte === NUL) {
          if (i > from) parts.push(chunk.subarray(from, i))
          from = i + 1
        } else if (byte === DOT && atLineStart) {
          parts.push(chunk.subarray(from, i + 1))
          from = i // the same dot once more
          atLineStart = false
        } else {
          atLineStart = false
        }
      }
      if (from < length) parts.push(chunk.subarray(from))
      return parts
    },
    finish() {
      if (crHeld) return CRLF_END
      return atLineStart ? END : CRLF_END
    },
  }
}

/** What bytes need of a transport, found out by looking at them. */
export interface ByteFindings {
  /** A NUL, a CR without LF or a LF without CR: cannot be sent with DATA unchanged (RFC 3030 §3). */
  binary: boolean
  /** Something above 127 in the header section (RFC 6532). */
  headerUtf8: boolean
}

/** Looks at a message, chunk by chunk. */
export function createByteInspector(): { look(chunk: Uint8Array): void; findings(): ByteFindings } {
  let binary = false
  let headerUtf8 = false
  let inHeader = true
  let lineOctets = 0
  let afterCr = false
  return {
    look(chunk) {
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i]!
        if (afterCr && byte !== LF) binary = true
        if (byte === LF) {
          if (!afterCr) binary = true
          if (lineOctets === 0) inHeader = false
          lineOctets = 0
        } else if (byte !== CR) {
          lineOctets++
          if (byte === NUL) binary = true
          else if (byte > 127 && inHeader) headerUtf8 = true
        }
        afterCr = byte === CR
      }
    },
    findings: () => ({ binary: binary || afterCr, headerUtf8 }),
  }
}
