// What a value in the config may be: each kind knows how to read it and how to say what it expected.
// Pure: nothing is looked up, no file is opened. `read` never throws on input.
import { isIP, isIPv6 } from 'node:net'
import { type Text, text } from '../base/language.ts'
import { parseDurationText, parseSizeText, printDuration, printSize } from './units.ts'

export type Reading<T> = { ok: true; value: T } | { ok: false; expected: Text }

export interface Kind<T> {
  /** The type in a few words, for the reference. */
  readonly name: Text
  /** Reads a value as the TOML parser gives it. Relative paths are taken from `folder`. */
  read(value: unknown, folder: string): Reading<T>
  /** The value as it would be written in the file, for the reference. */
  print(value: T): string
}

export interface HostPort {
  readonly host: string
  readonly port: number
}

const good = <T>(value: T): Reading<T> => ({ ok: true, value })
const bad = (en: string, ja: string): { ok: false; expected: Text } => ({ ok: false, expected: text(en, ja) })
const quoted = (words: string): string => JSON.stringify(words)

// ---------------------------------------------------------------- single values

export const flagKind: Kind<boolean> = {
  name: text('true or false', 'true または false'),
  read: (value) => (typeof value === 'boolean' ? good(value) : bad('true or false, without quotes', '引用符なしの true または false')),
  print: String,
}

export function choiceKind<const C extends string>(choices: readonly C[]): Kind<C> {
  const list = choices.map(quoted)
  return {
    name: text(list.join(' or '), list.join(' または ')),
    read: (value) => {
      const found = choices.find((choice) => choice === value)
      return found === undefined ? bad(`one of ${list.join(', ')}`, `${list.join('、')} のいずれか`) : good(found)
    },
    print: quoted,
  }
}

export function wordsKind(options: { name: Text; pattern: RegExp; expected: Text }): Kind<string> {
  return {
    name: options.name,
    read: (value) => (typeof value === 'string' && options.pattern.test(value) ? good(value) : { ok: false, expected: options.expected }),
    print: quoted,
  }
}

export function countKind(min: number, max: number): Kind<number> {
  return {
    name: text(`number, ${min} to ${max}`, `数値（${min}～${max}）`),
    read: (value) => (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
      ? good(value)
      : bad(`a whole number from ${min} to ${max}`, `${min} から ${max} までの整数`)),
    print: String,
  }
}

export function sizeKind(min: number, max = Number.MAX_SAFE_INTEGER): Kind<number> {
  return {
    name: text('size, such as "50M"', 'サイズ（例 "50M"）'),
    read: (value) => {
      const octets = typeof value === 'string' ? parseSizeText(value) : value
      if (typeof octets === 'number' && Number.isSafeInteger(octets) && octets >= min && octets <= max) return good(octets)
      const [least, most] = [printSize(min), printSize(max)]
      return max === Number.MAX_SAFE_INTEGER
        ? bad(`a size of at least ${least}: octets as a number, or text such as "64K", "50M", "2G"`, `${least} 以上のサイズ。オクテット数、または "64K"、"50M"、"2G" のような文字列`)
        : bad(`a size from ${least} to ${most}: octets as a number, or text such as "64K", "50M"`, `${least} から ${most} までのサイズ。オクテット数、または "64K"、"50M" のような文字列`)
    },
    print: (value) => quoted(printSize(value)),
  }
}

export function durationKind(min: number, max: number): Kind<number> {
  return {
    name: text('time, such as "5m"', '時間（例 "5m"）'),
    read: (value) => {
      const ms = typeof value === 'string' ? parseDurationText(value) : value
      if (typeof ms === 'number' && Number.isSafeInteger(ms) && ms >= min && ms <= max) return good(ms)
      const [least, most] = [printDuration(min), printDuration(max)]
      return bad(`a time from ${least} to ${most}: milliseconds as a number, or text such as "30s", "5m", "1h30m", "4d"`, `${least} から ${most} までの時間。ミリ秒数、または "30s"、"5m"、"1h30m"、"4d" のような文字列`)
    },
    print: (value) => quoted(printDuration(value)),
  }
}

/** A path, made absolute. `""` means not set. Kept as text: whether it is there is seen when it is opened. */
export const pathKind: Kind<string> = {
  name: text('path', 'パス'),
  read: (value, folder) => (typeof value === 'string' && value.trim() !== '' && !value.includes('\0')
    ? good(absolutePath(value, folder))
    : bad('a path as text; a relative one counts from the folder of this file', 'パスの文字列。相対パスはこのファイルのあるフォルダーから数えます')),
  print: quoted,
}

/** Joined by hand, since this room knows of no file system. "." and ".." are resolved. */
export function absolutePath(path: string, folder: string): string {
  const whole = path.startsWith('/') ? path : `${folder}/${path}`
  const parts: string[] = []
  for (const part of whole.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return `/${parts.join('/')}`
}

const LABEL = /^[\p{L}\p{N}](?:[\p{L}\p{N}\p{M}-]{0,61}[\p{L}\p{N}\p{M}])?$/u

/** Labels of letters, digits and hyphens; an IP address is none. */
export function isDomainName(words: string): boolean {
  if (words.length === 0 || words.length > 253 || isIP(words) !== 0) return false
  return words.split('.').every((label) => LABEL.test(label))
}

export const domainKind: Kind<string> = {
  name: text('host name', 'ホスト名'),
  read: (value) => (typeof value === 'string' && isDomainName(value)
    ? good(value.toLowerCase())
    : bad('a full host name such as "mail.example.org"', '"mail.example.org" のような完全なホスト名')),
  print: quoted,
}

// ---------------------------------------------------------------- addresses and ports

/** "192.0.2.1:25", "[2001:db8::1]:25", "mail.example.org:25"; undefined when it is none. */
function parseHostPort(words: string, defaultPort?: number): HostPort | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(words)
  if (!match) return isIPv6(words) && defaultPort !== undefined ? { host: words, port: defaultPort } : undefined
  const host = match[1] ?? match[2] ?? ''
  const port = match[3] === undefined ? defaultPort : Number(match[3])
  if (port === undefined || port > 65_535) return undefined
  if (match[1] !== undefined ? !isIPv6(host) : isIP(host) === 0 && !isDomainName(host) && host !== '*') return undefined
  // "10.0.0.300" is neither an address nor a name that anybody means.
  if (isIP(host) === 0 && /^[\d.]+$/.test(host)) return undefined
  return { host, port }
}

/** Addresses of one door: "address:port", a list of them, or "off" (an empty list). "*" is every address, IPv4 and IPv6. */
export const listenKind: Kind<readonly HostPort[]> = {
  name: text('"address:port", a list of them, or "off"', '"アドレス:ポート"、そのリスト、または "off"'),
  read: (value) => {
    if (value === 'off') return good([])
    const expected = bad('"address:port" (such as "192.0.2.1:25", "[2001:db8::1]:25", or "*:25" for every address), a list of them, or "off"', '"アドレス:ポート"（例 "192.0.2.1:25"、"[2001:db8::1]:25"、すべてのアドレスなら "*:25"）、そのリスト、または "off"')
    const list = Array.isArray(value) ? (value as unknown[]) : [value]
    if (list.length > 64) return expected
    const found: HostPort[] = []
    for (const item of list) {
      const one = typeof item === 'string' ? parseHostPort(item) : undefined
      if (!one || (isIP(one.host) === 0 && one.host !== '*' && one.host !== 'localhost')) return expected
      // "::" alone takes IPv6 only, on every system alike.
      if (one.host === '*') found.push({ host: '0.0.0.0', port: one.port }, { host: '::', port: one.port })
      else found.push(one)
    }
    return good(found)
  },
  print: (value) => (value.length === 0 ? quoted('off') : value.length === 1 && value[0] ? quoted(printHostPort(value[0])) : `[${value.map((one) => quoted(printHostPort(one))).join(', ')}]`),
}

export function printHostPort(at: HostPort): string {
  return at.host.includes(':') ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`
}

/** One host and port, or `undefined` for "off". */
export function remoteKind(defaultPort: number): Kind<HostPort | undefined> {
  return {
    name: text('"host:port" or "off"', '"ホスト:ポート" または "off"'),
    read: (value) => {
      if (value === 'off') return good(undefined)
      const one = typeof value === 'string' ? parseHostPort(value, defaultPort) : undefined
      if (!one || one.host === '*' || one.port === 0) return bad(`"host:port" (port ${defaultPort} when left out) or "off"`, `"ホスト:ポート"（省略時のポートは ${defaultPort}）または "off"`)
      return good(one)
    },
    print: (value) => quoted(value ? printHostPort(value) : 'off'),
  }
}

/** Name servers, by address only: a name would need one to be found. */
export const resolversKind: Kind<readonly HostPort[]> = {
  name: text('list of "address" or "address:port"', '"アドレス" または "アドレス:ポート" のリスト'),
  read: (value) => {
    const expected = bad('a list of IP addresses, each with or without a port, such as ["192.0.2.53", "[2001:db8::53]:5353"]', 'IPアドレスのリスト（ポートは任意）。例 ["192.0.2.53", "[2001:db8::53]:5353"]')
    const list = typeof value === 'string' ? [value] : value
    if (!Array.isArray(list) || list.length > 16) return expected
    const found: HostPort[] = []
    for (const item of list as unknown[]) {
      const one = typeof item === 'string' ? parseHostPort(item, 53) : undefined
      if (!one || isIP(one.host) === 0 || one.port === 0) return expected
      found.push(one)
    }
    return good(found)
  },
  print: (value) => `[${value.map((one) => quoted(one.port === 53 ? one.host : printHostPort(one))).join(', ')}]`,
}

/** "10.0.0.0/8", "2001:db8::/32" or a single address. */
export const networksKind: Kind<readonly string[]> = {
  name: text('list of networks', 'ネットワークのリスト'),
  read: (value) => {
    const expected = bad('a list of networks such as ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]', '["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"] のようなネットワークのリスト')
    if (!Array.isArray(value) || value.length > 256) return expected
    for (const item of value as unknown[]) {
      const match = typeof item === 'string' ? /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(item) : null
      const version = match ? isIP(match[1] ?? '') : 0
      if (!match || version === 0 || Number(match[2] ?? 0) > (version === 4 ? 32 : 128)) return expected
    }
    return good(value as string[])
  },
  print: (value) => `[${value.map(quoted).join(', ')}]`,
}

export const pathsKind: Kind<readonly string[]> = {
  name: text('list of paths', 'パスのリスト'),
  read: (value, folder) => {
    const expected = bad('a list of paths such as ["/mnt/second/daruma"]', '["/mnt/second/daruma"] のようなパスのリスト')
    if (!Array.isArray(value) || value.length > 8) return expected
    const found: string[] = []
    for (const item of value as unknown[]) {
      const one = pathKind.read(item, folder)
      if (!one.ok) return expected
      found.push(one.value)
    }
    return good(found)
  },
  print: (value) => `[${value.map(quoted).join(', ')}]`,
}

/** A kind that may be left unset: `""` (or leaving the key out) gives undefined. */
export function optionalKind<T>(kind: Kind<T>): Kind<T | undefined> {
  return {
    name: kind.name,
    read: (value, folder) => (value === '' ? good(undefined) : kind.read(value, folder)),
    print: (value) => (value === undefined ? '""' : kind.print(value)),
  }
}
