// One request to the status page and its answer. Pure: the octets of a request head in, the octets of a response out.
// Only what a page needs of RFC 9110 and 9112: GET and HEAD, no bodies, one request a connection.
import { bytesOf, concatBytes } from '../../base/bytes.ts'
import type { Language } from '../../base/language.ts'
import type { PageFiles, PageName } from './pages.ts'

/** Longest request head. */
export const HEAD_OCTETS_MAX = 8192

export interface HttpRequest {
  readonly method: string
  /** Decoded no further: the names here need none. */
  readonly path: string
  readonly query: string
  readonly acceptLanguage: string
  readonly ifNoneMatch: string
}

/** Where the head ends, its empty line included; undefined when it is not all there. */
export function endOfHead(octets: Uint8Array): number | undefined {
  for (let at = octets.indexOf(10); at >= 0; at = octets.indexOf(10, at + 1)) {
    if (octets[at + 1] === 10) return at + 2
    if (octets[at + 1] === 13 && octets[at + 2] === 10) return at + 3
  }
  return undefined
}

/** Undefined when it is no request of HTTP/1. */
export function parseRequestHead(head: Uint8Array): HttpRequest | undefined {
  // Empty lines before the request line are passed over (RFC 9112 §2.2).
  const lines = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1').replace(/^(?:\r?\n)+/, '').split(/\r?\n/)
  const line = /^([A-Z]{1,20}) (\S{1,2048}) HTTP\/1\.\d$/.exec(lines[0] ?? '')
  if (!line) return undefined
  const [, method = '', target = ''] = line
  const origin = /^https?:\/\/[^/?#]*(.*)$/i.exec(target)
  const [path = '', query = ''] = (origin ? origin[1] ?? '' : target).split('?', 2)
  if (path !== '' && !path.startsWith('/')) return undefined
  const found = { acceptLanguage: '', ifNoneMatch: '' }
  for (const field of lines.slice(1)) {
    if (field === '') break
    const colonAt = field.indexOf(':')
    // No white space before the colon, no folded lines (RFC 9112 §5.1, §5.2).
    if (colonAt < 1 || /\s/.test(field.slice(0, colonAt))) return undefined
    const name = field.slice(0, colonAt).toLowerCase()
    const value = field.slice(colonAt + 1).trim()
    if (name === 'accept-language') found.acceptLanguage = value
    else if (name === 'if-none-match') found.ifNoneMatch = value
  }
  return { method, path: path === '' ? '/' : path, query, ...found }
}

/** The language that the reader wishes most (RFC 9110 §12.5.4); English when neither is named. */
export function wishedLanguage(query: string, acceptLanguage: string): Language {
  const asked = /(?:^|&)lang=(en|ja)(?:&|$)/.exec(query)?.[1]
  if (asked === 'en' || asked === 'ja') return asked
  const best = { en: 0, ja: 0 }
  for (const range of acceptLanguage.slice(0, 500).split(',')) {
    const match = /^\s*([a-z]{1,8}|\*)(?:-[a-z0-9-]{1,20})?\s*(?:;\s*q\s*=\s*(\d(?:\.\d{0,3})?))?\s*$/i.exec(range)
    if (!match) continue
    const language = match[1]?.toLowerCase()
    if (language === 'en' || language === 'ja') best[language] = Math.max(best[language], Number(match[2] ?? 1))
  }
  return best.ja > best.en ? 'ja' : 'en'
}

type Named = { readonly at: 'file'; readonly name: PageName; readonly varies: boolean } | { readonly at: 'nowhere' }

function named({ path, query, acceptLanguage }: HttpRequest): Named {
  const language = wishedLanguage(query, acceptLanguage)
  switch (path) {
    case '/':
      return { at: 'file', name: language === 'ja' ? 'index.ja.html' : 'index.html', varies: true }
    case '/index.html':
    case '/index.ja.html':
    case '/status.json':
    case '/status.ja.rss':
      return { at: 'file', name: path.slice(1) as PageName, varies: false }
    case '/status.rss':
      return { at: 'file', name: language === 'ja' ? 'status.ja.rss' : 'status.rss', varies: true }
    default:
      return { at: 'nowhere' }
  }
}

const REASONS: { readonly [code: number]: string } = { 200: 'OK', 304: 'Not Modified', 400: 'Bad Request', 404: 'Not Found', 405: 'Method Not Allowed', 408: 'Request Timeout', 429: 'Too Many Requests', 431: 'Request Header Fields Too Large', 500: 'Internal Server Error' }

function print(code: number, fields: readonly string[], body: Uint8Array | undefined, nowMs: number): Uint8Array {
  const head = [
    `HTTP/1.1 ${code} ${REASONS[code] ?? ''}`, `Date: ${new Date(nowMs).toUTCString()}`, 'Connection: close',
    'X-Content-Type-Options: nosniff', 'Referrer-Policy: no-referrer', ...fields, '', '',
  ].join('\r\n')
  return body ? concatBytes([bytesOf(head), body]) : bytesOf(head)
}

/** An answer without a page. */
export function printTrouble(code: number, nowMs: number, isHead = false): Uint8Array {
  const body = bytesOf(`${code} ${REASONS[code] ?? ''}\n`)
  const also = code === 405 ? ['Allow: GET, HEAD'] : code === 429 ? ['Retry-After: 60'] : []
  return print(code, ['Content-Type: text/plain; charset=utf-8', `Content-Length: ${body.length}`, "Content-Security-Policy: default-src 'none'", 'Cache-Control: no-store', ...also], isHead ? undefined : body, nowMs)
}

export function answerRequest(request: HttpRequest | undefined, files: () => PageFiles, nowMs: number): Uint8Array {
  if (!request) return printTrouble(400, nowMs)
  const isHead = request.method === 'HEAD'
  if (!isHead && request.method !== 'GET') return printTrouble(405, nowMs)
  const found = named(request)
  if (found.at === 'nowhere') return printTrouble(404, nowMs, isHead)
  const { type, bytes, etag, contentPolicy } = files()[found.name]
  const fields = [`ETag: ${etag}`, 'Cache-Control: public, no-cache', ...(found.varies ? ['Vary: Accept-Language'] : [])]
  if (matches(request.ifNoneMatch, etag)) return print(304, fields, undefined, nowMs)
  return print(200, [
    ...fields, `Content-Type: ${type}`, `Content-Length: ${bytes.length}`,
    // Framed by nobody; the page itself cannot say that (frame-ancestors counts in the header only).
    `Content-Security-Policy: ${contentPolicy}; frame-ancestors 'none'`,
    // Public facts: other pages may read them.
    ...(found.name === 'status.json' ? ['Access-Control-Allow-Origin: *'] : []),
  ], isHead ? undefined : bytes, nowMs)
}

/** Weak comparison (RFC 9110 §13.1.2): a proxy may have compressed the page. */
function matches(ifNoneMatch: string, etag: string): boolean {
  return ifNoneMatch === '*' || ifNoneMatch.split(',').some((one) => one.trim().replace(/^W\//, '') === etag)
}
