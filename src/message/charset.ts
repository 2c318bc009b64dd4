// Octets to text, by the charset's name and, where the name is missing or wrong, by what the octets look
// like. For searching, threading and showing; no protocol decision hangs on it. Never throws: what
// cannot be read becomes U+FFFD.
import { isUtf8 } from 'node:buffer'
import iconv from 'iconv-lite'
import { bufferOver, bytesOfByteString, isAsciiText, type ByteString } from './byte-string.ts'
import { decodeIso2022Jp, looksLikeIso2022Jp } from './iso-2022-jp.ts'

/** Names that mail uses and the Encoding Standard does not know. */
const ALIASES: Readonly<Record<string, string>> = {
  cp50220: 'iso-2022-jp', cp50221: 'iso-2022-jp', cp50222: 'iso-2022-jp', 'x-cp50220': 'iso-2022-jp', 'x-cp50221': 'iso-2022-jp',
  'iso-2022-jp-ms': 'iso-2022-jp', 'iso-2022-jp-1': 'iso-2022-jp', 'iso-2022-jp-2': 'iso-2022-jp', 'iso-2022-jp-3': 'iso-2022-jp',
  'iso-2022-jp-2004': 'iso-2022-jp', 'x-iso-2022-jp': 'iso-2022-jp', iso2022jp: 'iso-2022-jp', 'iso-2022jp': 'iso-2022-jp', jis: 'iso-2022-jp', 'x-jis': 'iso-2022-jp', 'csiso2022jp': 'iso-2022-jp',
  'eucjp-ms': 'euc-jp', 'euc-jp-ms': 'euc-jp', 'eucjp-win': 'euc-jp', 'eucjp-open': 'euc-jp', cp51932: 'euc-jp', eucjp: 'euc-jp', 'x-eucjp': 'euc-jp', ujis: 'euc-jp', 'x-euc': 'euc-jp',
  cp932: 'shift_jis', ms932: 'shift_jis', 'windows-932': 'shift_jis', 'sjis-win': 'shift_jis', 'shift-jis': 'shift_jis', shiftjis: 'shift_jis', 'x-sjis-jp': 'shift_jis', 'x-ms-cp932': 'shift_jis', 'cp943': 'shift_jis', 'cp943c': 'shift_jis', 'ibm-943': 'shift_jis', mskanji: 'shift_jis', pck: 'shift_jis', 'x-shift-jis': 'shift_jis', 'shift_jisx0213': 'shift_jis', 'shift_jis-2004': 'shift_jis',
  cp949: 'euc-kr', uhc: 'euc-kr', 'ks_c_5601': 'euc-kr', 'x-windows-949': 'euc-kr', 'ms949': 'euc-kr', cp936: 'gbk', ms936: 'gbk', 'windows-936': 'gbk', 'euc-cn': 'gbk', 'gb_2312-80': 'gbk',
  cp950: 'big5', 'windows-950': 'big5', 'big5-hkscs': 'big5', 'x-x-big5': 'big5',
  'ansi_x3.4-1968': 'us-ascii', ascii: 'us-ascii', 'us_ascii': 'us-ascii', usascii: 'us-ascii', '646': 'us-ascii', 'iso-ir-6': 'us-ascii',
  utf8: 'utf-8', 'utf-8n': 'utf-8', 'unicode-1-1-utf-8': 'utf-8', 'utf8mb4': 'utf-8', cp65001: 'utf-8', 'x-utf-8': 'utf-8',
  'unicode-1-1-utf-7': 'utf-7', 'x-unicode-2-0-utf-7': 'utf-7', cp65000: 'utf-7',
  ansi: 'windows-1252', 'x-ansi': 'windows-1252', cp1250: 'windows-1250', cp1251: 'windows-1251', cp1252: 'windows-1252', cp1253: 'windows-1253', cp1254: 'windows-1254', cp1255: 'windows-1255', cp1256: 'windows-1256', cp1257: 'windows-1257', cp1258: 'windows-1258', cp874: 'windows-874',
  'x-mac-japanese': 'shift_jis', 'x-mac-roman': 'macintosh',
}

/** Labels that say nothing: the octets are looked at instead. */
const VOID_LABELS = new Set(['', 'us-ascii', 'unknown-8bit', 'x-unknown', 'unknown', 'default', 'default_charset', '8bit', '7bit', 'binary', 'none', 'auto', '_autodetect', '_iso-2022-jp$esc', 'x-user-defined', 'autodetect'])

/** The name by which a charset is known here, in lower case. */
export function canonicalCharset(label: string): string {
  const name = label.trim().replace(/^["']|["']$/g, '').toLowerCase()
  return ALIASES[name] ?? name
}

/** Text of `bytes`. `label` as in a header; undefined when there is none. */
export function decodeText(bytes: Uint8Array, label?: string): string {
  const charset = label === undefined ? '' : canonicalCharset(label)
  if (charset === 'iso-2022-jp') {
    // Under this label 8-bit octets are half-width kana, unless they are plainly something else.
    if (!looksLikeIso2022Jp(bytes)) {
      const seen = sniffCharset(bytes)
      if (seen !== 'us-ascii' && seen !== 'windows-1252' && !looksLikeKana(bytes)) return decodeAs(bytes, seen)
    }
    return decodeIso2022Jp(bytes)
  }
  if (VOID_LABELS.has(charset)) return decodeAs(bytes, sniffCharset(bytes))
  if (charset === 'utf-8') {
    if (isUtf8(bytes)) return looksLikeIso2022Jp(bytes) ? decodeIso2022Jp(bytes) : decodeAs(bytes, 'utf-8')
    return decodeAs(bytes, mostlyUtf8(bytes) ? 'utf-8' : sniffCharset(bytes))
  }
  if (charset !== 'utf-7' && charset !== 'iso-2022-kr' && looksLikeIso2022Jp(bytes)) return decodeIso2022Jp(bytes)
  const text = decodeAs(bytes, charset)
  if (!text.includes('\ufffd')) return text
  const seen = sniffCharset(bytes)
  return seen === 'windows-1252' || seen === charset ? text : decodeAs(bytes, seen)
}

/** Text of a byte string. */
export function decodeByteString(text: ByteString, label?: string): string {
  const named = label === undefined || canonicalCharset(label) !== 'utf-7' && canonicalCharset(label) !== 'utf-16'
  if (named && isAsciiText(text) && !text.includes('\x1b') && !text.includes('\x0e') && !(label !== undefined && /^hz|2022/i.test(label))) return text
  return decodeText(bytesOfByteString(text), label)
}

const decoders = new Map<string, TextDecoder>()

function decodeAs(bytes: Uint8Array, charset: string): string {
  if (charset === 'us-ascii') charset = 'windows-1252'
  if (charset === 'iso-2022-jp') return decodeIso2022Jp(bytes)
  if (charset === 'iso-2022-kr') return decodeIso2022Kr(bytes)
  const known = decoders.get(charset)
  if (known) return known.decode(bytes)
  try {
    const decoder = new TextDecoder(charset)
    if (decoders.size < 100) decoders.set(charset, decoder)
    return decoder.decode(bytes)
  } catch {
    if (iconv.encodingExists(charset)) return iconv.decode(bufferOver(bytes), charset)
    return decodeAs(bytes, sniffCharset(bytes))
  }
}

/** RFC 1557: SO and SI switch between ASCII and KS X 1001. */
function decodeIso2022Kr(bytes: Uint8Array): string {
  const out = new Uint8Array(bytes.length)
  let length = 0
  let shifted = false
  for (let at = 0; at < bytes.length; at++) {
    const octet = bytes[at]!
    if (octet === 0x0e) shifted = true
    else if (octet === 0x0f) shifted = false
    else if (octet === 0x1b && bytes[at + 1] === 0x24 && bytes[at + 2] === 0x29 && bytes[at + 3] === 0x43) at += 3
    else {
      if (octet === 10) shifted = false
      out[length++] = shifted && octet > 0x20 ? octet | 0x80 : octet
    }
  }
  return decodeAs(out.subarray(0, length), 'euc-kr')
}

/** Octets that are looked at to guess. */
const SNIFF_OCTETS_MAX = 64 * 1024

/** What the octets look like: `us-ascii`, `utf-8`, `iso-2022-jp`, `euc-jp`, `shift_jis`, or else `windows-1252`. */
export function sniffCharset(bytes: Uint8Array): string {
  if (looksLikeIso2022Jp(bytes)) return 'iso-2022-jp'
  let first = 0
  while (first < bytes.length && bytes[first]! < 0x80) first++
  if (first === bytes.length) return 'us-ascii'
  if (isUtf8(bytes)) return 'utf-8'
  const sample = bytes.subarray(first, first + SNIFF_OCTETS_MAX)
  const euc = eucJpScore(sample)
  const sjis = shiftJisScore(sample)
  if (euc <= 0 && sjis <= 0) return 'windows-1252'
  return euc >= sjis ? 'euc-jp' : 'shift_jis'
}

/** Above zero when it reads as EUC-JP: kana and common kanji, nothing impossible. */
function eucJpScore(bytes: Uint8Array): number {
  let score = 0
  for (let at = 0; at < bytes.length; at++) {
    const octet = bytes[at]!
    if (octet < 0x80) continue
    const trail = bytes[at + 1]
    if (trail === undefined) break
    if (octet === 0x8e && trail >= 0xa1 && trail <= 0xdf) at++
    else if (octet === 0x8f && trail >= 0xa1) at += 2
    else if (octet >= 0xa1 && octet <= 0xfe && trail >= 0xa1 && trail <= 0xfe) {
      score += octet === 0xa4 || octet === 0xa5 ? 3 : octet >= 0xb0 && octet <= 0xcf ? 2 : octet <= 0xa3 ? 1 : 0
      at++
    } else return -1
  }
  return score
}

/** Above zero when it reads as Shift_JIS. */
function shiftJisScore(bytes: Uint8Array): number {
  let score = 0
  let kana = 0
  for (let at = 0; at < bytes.length; at++) {
    const octet = bytes[at]!
    if (octet < 0x80) continue
    if (octet >= 0xa1 && octet <= 0xdf) {
      kana++
      continue
    }
    const trail = bytes[at + 1]
    if (trail === undefined) break
    const isPair = ((octet >= 0x81 && octet <= 0x9f) || (octet >= 0xe0 && octet <= 0xfc)) && trail >= 0x40 && trail <= 0xfc && trail !== 0x7f
    if (!isPair) return -1
    // Latin letters with accents (0xE0 and up) before a small letter also make pairs: those count against it.
    if ((octet === 0x82 && trail >= 0x9f) || (octet === 0x83 && trail <= 0x96)) score += 3
    else if (octet >= 0x88 && octet <= 0x97) score += 2
    else if (octet === 0x81) score += 1
    else if (octet >= 0xe0 && trail < 0x80) score -= 3
    at++
  }
  return score + (kana > 3 && score >= 0 ? kana / 2 : 0)
}

/** All 8-bit octets are half-width kana, and few of them could begin a hiragana of EUC-JP. */
function looksLikeKana(bytes: Uint8Array): boolean {
  let kana = 0
  let hiragana = 0
  for (const octet of bytes.subarray(0, SNIFF_OCTETS_MAX)) {
    if (octet < 0x80) continue
    if (octet < 0xa1 || octet > 0xdf) return false
    kana++
    if (octet === 0xa4) hiragana++
  }
  return hiragana * 8 < kana
}

/** One damaged octet, or a cut at the end, does not make it another charset. */
function mostlyUtf8(bytes: Uint8Array): boolean {
  const text = decodeAs(bytes.subarray(0, SNIFF_OCTETS_MAX), 'utf-8')
  let bad = 0
  let good = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0xfffd) bad++
    else if (code >= 0x80) good++
  }
  return good > bad * 4
}
