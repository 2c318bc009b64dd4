// Messages of a SASL exchange as the mail protocols carry them: base64 on one line (RFC 4954 §4, RFC 9051 §6.2.2).
import { refuse, understood, type Parsed } from '../../base/errors.ts'
import { saslMessageOctetsMax } from './sasl.ts'

const EMPTY = new Uint8Array(0)

/** Strict: no white space, right padding. "" stands for an empty message; `"="` does too in an initial response. */
export function parseBase64Line(line: string, options: { initial?: boolean } = {}): Parsed<Uint8Array> {
  if (options.initial && line === '=') return understood(EMPTY)
  if (line.length > Math.ceil(saslMessageOctetsMax / 3) * 4) return refuse('base64-too-long', 'too long')
  if (line.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(line)) return refuse('base64-syntax', 'no base64')
  return understood(line === '' ? EMPTY : new Uint8Array(Buffer.from(line, 'base64')))
}

export function printBase64Line(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
