// What a server offers in its answer to EHLO (RFC 5321 §4.1.1.1), as far as we make use of it. Pure.

export interface SmtpCapabilities {
  pipelining: boolean
  startTls: boolean
  eightBitMime: boolean
  smtpUtf8: boolean
  dsn: boolean
  chunking: boolean
  binaryMime: boolean
  /** SIZE was offered; `sizeOctetsMax` is 0 when no limit was named (RFC 1870 §4). */
  size: boolean
  sizeOctetsMax: number
  /** SASL mechanisms in capitals. */
  auth: readonly string[]
}

/** After HELO, or before anything was said. */
export const noCapabilities: SmtpCapabilities = {
  pipelining: false, startTls: false, eightBitMime: false, smtpUtf8: false, dsn: false, chunking: false, binaryMime: false,
  size: false, sizeOctetsMax: 0, auth: [],
}

/** `lines` as they stand in the reply; the first is the greeting and names nothing. */
export function parseCapabilities(lines: readonly string[]): SmtpCapabilities {
  const words = new Map<string, string>()
  for (const line of lines.slice(1)) {
    const [, keyword, rest] = /^\s*([A-Za-z0-9-]+)[ =]?(.*)$/.exec(line) ?? [] // "AUTH=LOGIN": servers of the last century
    if (keyword === undefined) continue
    const key = keyword.toUpperCase()
    words.set(key, `${words.get(key) ?? ''} ${rest ?? ''}`.trim())
  }
  const size = words.get('SIZE')
  return {
    pipelining: words.has('PIPELINING'),
    startTls: words.has('STARTTLS'),
    eightBitMime: words.has('8BITMIME'),
    smtpUtf8: words.has('SMTPUTF8'),
    dsn: words.has('DSN'),
    chunking: words.has('CHUNKING'),
    binaryMime: words.has('BINARYMIME'),
    size: size !== undefined,
    sizeOctetsMax: size !== undefined && /^\d{1,15}/.test(size) ? Number.parseInt(size, 10) : 0,
    auth: (words.get('AUTH') ?? '').toUpperCase().split(/\s+/).filter((word) => word !== ''),
  }
}
