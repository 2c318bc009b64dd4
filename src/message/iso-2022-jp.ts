// Japanese mail text as it is really sent (RFC 1468, RFC 1554, and what Microsoft, Apple and telephones made
// of it: CP50220 to CP50222). The octets are rewritten as EUC-JP, which the platform decodes; so half-width
// kana (by ESC ( I, by SO/SI, or simply 8-bit), JIS X 0212, runs of escapes of which only the last
// counts, NEC and IBM extensions, and lines that forget to return to ASCII all come out right.
import { bufferOver } from './byte-string.ts'

const ESC = 0x1b, SO = 0x0e, SI = 0x0f, LF = 10, CR = 13

/** What an escape switches to. Each set but ASCII and Roman takes its letters from 0x21 to 0x7E. */
type Mode = 'ascii' | 'roman' | 'kana' | 'jis0208' | 'jis0212' | 'gb2312' | 'ksc5601'

const DECODERS = { 'euc-jp': new TextDecoder('euc-jp'), gbk: new TextDecoder('gbk'), 'euc-kr': new TextDecoder('euc-kr') }
type Target = keyof typeof DECODERS

/** True when the octets hold an escape of ISO-2022-JP. */
export function looksLikeIso2022Jp(bytes: Uint8Array): boolean {
  const buffer = bufferOver(bytes)
  for (let at = buffer.indexOf(ESC); at >= 0; at = buffer.indexOf(ESC, at + 1)) if (escapeAt(buffer, at)) return true
  return false
}

function escapeAt(bytes: Uint8Array, at: number): { mode: Mode; length: number } | undefined {
  const second = bytes[at + 1]
  const third = bytes[at + 2]
  if (second === 0x28) { // ESC (
    if (third === 0x42 || third === 0x48) return { mode: 'ascii', length: 3 } // B; H is an old mistake for J
    if (third === 0x4a) return { mode: 'roman', length: 3 }
    if (third === 0x49) return { mode: 'kana', length: 3 }
  } else if (second === 0x24) { // ESC $
    if (third === 0x40 || third === 0x42) return { mode: 'jis0208', length: 3 }
    if (third === 0x41) return { mode: 'gb2312', length: 3 }
    if (third === 0x28) { // ESC $ (
      const fourth = bytes[at + 3]
      if (fourth === 0x44) return { mode: 'jis0212', length: 4 }
      if (fourth === 0x43) return { mode: 'ksc5601', length: 4 }
      // JIS X 0213 plane 1 is JIS X 0208 and more in its free places
      if (fourth === 0x40 || fourth === 0x42 || fourth === 0x4f || fourth === 0x51) return { mode: 'jis0208', length: 4 }
    }
  } else if (second === 0x26 && third === 0x40) return { mode: 'jis0208', length: 3 } // ESC & @ announces a revision
  return undefined
}

export function decodeIso2022Jp(bytes: Uint8Array): string {
  let text = ''
  let target: Target = 'euc-jp'
  let out = Buffer.allocUnsafe(bytes.length * 3)
  let length = 0
  let mode: Mode = 'ascii'
  let shifted = false
  const switchTo = (next: Target) => {
    if (next === target) return
    text += DECODERS[target].decode(out.subarray(0, length))
    length = 0
    target = next
  }
  for (let at = 0; at < bytes.length; at++) {
    const octet = bytes[at]!
    if (octet === ESC) {
      const escape = escapeAt(bytes, at)
      if (escape) {
        mode = escape.mode
        at += escape.length - 1
        continue
      }
    }
    if (octet === SO || octet === SI) {
      shifted = octet === SO
      continue
    }
    if (octet <= 0x20 || octet === 0x7f) {
      if (octet === LF || octet === CR) {
        mode = 'ascii' // RFC 1468: a line ends in ASCII, whether the sender said so or not
        shifted = false
      }
      out[length++] = octet
    } else if (octet >= 0x80 || shifted || mode === 'kana') {
      const kana = octet | 0x80
      switchTo('euc-jp')
      if (kana >= 0xa1 && kana <= 0xdf) {
        out[length++] = 0x8e
        out[length++] = kana
      } else out[length++] = octet >= 0x80 ? 0xff : octet // 0xFF becomes U+FFFD
    } else if (mode === 'ascii') out[length++] = octet
    else if (mode === 'roman') {
      if (octet === 0x5c || octet === 0x7e) {
        switchTo('euc-jp')
        text += DECODERS['euc-jp'].decode(out.subarray(0, length)) + (octet === 0x5c ? '\u00a5' : '\u203e')
        length = 0
      } else out[length++] = octet
    } else {
      const trail = bytes[at + 1]
      if (trail === undefined || trail < 0x21 || trail > 0x7e) {
        out[length++] = 0xff
        continue
      }
      at++
      switchTo(mode === 'gb2312' ? 'gbk' : mode === 'ksc5601' ? 'euc-kr' : 'euc-jp')
      if (mode === 'jis0212') out[length++] = 0x8f
      out[length++] = octet | 0x80
      out[length++] = trail | 0x80
    }
  }
  return text + DECODERS[target].decode(out.subarray(0, length))
}
