// What the operator wrote in daruma.toml, read and checked. Pure: text in, a frozen `Config` or a list
// of problems out; no file is opened and no name looked up. Promises that a `Config` is complete,
// that every value is of its kind and possible together with the others, and that nothing in the text
// was passed over in silence.
import { TomlError, parse } from 'smol-toml'
import type { Refused } from '../base/errors.ts'
import type { LimitName, Limits } from '../base/limits.ts'
import type { LogLevel } from '../base/log.ts'
import { type Text, text } from '../base/language.ts'
import { nearestWord } from '../base/nearest.ts'
import { type AnyKey, type Key, allKeys, keys, limitKeys, routeKeys } from './keys.ts'
import { type HostPort, isDomainName, printHostPort } from './kinds.ts'
import { locateKeys } from './locate-keys.ts'
import { type ConfigProblem, impossible, notYet, printProblem, syntaxProblem, unknownKey, wrongValue } from './problem.ts'

export type { HostPort } from './kinds.ts'
export type { ConfigProblem } from './problem.ts'

/** The doors that are built, in the order in which they are shown. */
export const doorNames = ['smtp', 'submission', 'submissions', 'imap', 'imaps'] as const
export type DoorName = (typeof doorNames)[number]

export interface Smarthost extends HostPort {
  readonly login: { readonly user: string; readonly passwordFile: string } | undefined
}

export interface Route extends HostPort {
  /** In lower case, or "*" for every other domain. */
  readonly domain: string
}

/** Plain data, so that it can be handed to threads. Paths are absolute. */
export interface Config {
  /** The file it was read from; undefined in trial mode. */
  readonly file: string | undefined
  readonly hostname: string
  readonly data: string
  /** An empty list is "off". Port 0 takes a free one. */
  readonly listen: { readonly [door in DoorName]: readonly HostPort[] }
  readonly security: { readonly plaintextLogin: 'never' | 'loopback'; readonly scram: boolean }
  /** Undefined: a self-signed certificate kept in `data`/tls. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined
  /** An empty list: those of the machine. */
  readonly dns: { readonly servers: readonly HostPort[] }
  readonly outbound: { readonly port: number; readonly smarthost: Smarthost | undefined; readonly receivedShowsClient: boolean }
  /** The first that fits counts. */
  readonly routes: readonly Route[]
  readonly journal: { readonly mirrors: readonly string[]; readonly segmentSizeOctets: number; readonly dropFullMirror: boolean }
  readonly intake: { readonly directory: string }
  /** `everyMs` 0: never by itself. */
  readonly scrub: { readonly everyMs: number; readonly octetsPerSecond: number }
  readonly threads: { readonly taking: number; readonly reading: number; readonly accounts: number }
  readonly run: { readonly user: string | undefined }
  readonly limits: Limits
  readonly delivery: { readonly subaddressSeparator: string; readonly postmaster: string | undefined }
  readonly proxy: { readonly networks: readonly string[] }
  /** An empty `listen` is "off". */
  readonly status: { readonly listen: readonly HostPort[]; readonly title: string | undefined; readonly publish: string | undefined; readonly publicUrl: string | undefined }
  readonly log: { readonly level: LogLevel }
}

/** Values by key name, complete. Kept beside the `Config` so that two can be compared key by key. */
export type ConfigValues = ReadonlyMap<string, unknown>

export interface LoadedConfig {
  readonly config: Config
  readonly values: ConfigValues
  readonly routes: readonly Route[]
}

export type ParsedConfig = { ok: true; value: LoadedConfig } | (Refused & { problems: readonly ConfigProblem[] })

export interface ConfigSource {
  /** As the operator named it: stands in every problem. */
  readonly file: string
  /** Absolute: where relative paths count from. */
  readonly folder: string
  /** The machine's own name, used when `hostname` is not given. */
  readonly machineName: string
  /** What the command line says; goes before the file. */
  readonly overrides?: Overrides
}

export interface Overrides {
  /** Absolute. */
  readonly data?: string
  readonly listen?: { readonly [door in DoorName]?: readonly HostPort[] }
}

const CONFIG_OCTETS_MAX = 1024 * 1024

/** Reads the text of daruma.toml. Never throws on input; finds all problems, not only the first. */
export function parseConfig(toml: string, source: ConfigSource): ParsedConfig {
  const problems: ConfigProblem[] = []
  const refused = (): ParsedConfig => ({ ok: false, code: 'config', reason: problems.map((problem) => printProblem(source.file, problem, 'en')).join('\n'), problems })
  if (toml.length > CONFIG_OCTETS_MAX) {
    problems.push(impossible(undefined, undefined, text('longer than 1 MiB: this is no config', '1 MiB を超えています。設定ファイルではないようです')))
    return refused()
  }
  let tables: Record<string, unknown>
  try {
    tables = parse(toml.replace(/^\uFEFF/, ''), { maxDepth: 20 })
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    problems.push(syntaxProblem(error.line, error.column, (error.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '')))
    return refused()
  }
  const lines = locateKeys(toml.replace(/^\uFEFF/, ''))
  const values = new Map<string, unknown>(allKeys.map((key) => [key.name, key.default]))
  const routes = readTables(tables, { folder: source.folder, lines, values, problems })
  if (source.overrides?.data !== undefined) values.set(keys.data.name, source.overrides.data)
  for (const [door, addresses] of Object.entries(source.overrides?.listen ?? {})) values.set(`listen.${door}`, addresses)
  if (values.get(keys.hostname.name) === '') {
    if (isDomainName(source.machineName) && source.machineName !== 'localhost') values.set(keys.hostname.name, source.machineName.toLowerCase())
    else problems.push(impossible(undefined, 'hostname', text(`"hostname" must be given: this machine calls itself "${source.machineName}", which is no host name`, `「hostname」を指定してください。このマシンの名前「${source.machineName}」は使えません`)))
  }
  const config = assemble(values, routes, source.file)
  problems.push(...contradictions(config, values, lines))
  if (problems.length > 0) {
    problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
    return refused()
  }
  return { ok: true, value: { config: deepFrozen(config), values, routes: config.routes } }
}

interface Reader {
  folder: string
  lines: Map<string, number>
  values: Map<string, unknown>
  problems: ConfigProblem[]
}

const keyByName: ReadonlyMap<string, AnyKey> = new Map(allKeys.map((key) => [key.name, key]))
const sectionNames: ReadonlySet<string> = new Set([...allKeys.filter((key) => key.name.includes('.')).map((key) => key.name.slice(0, key.name.lastIndexOf('.'))), 'route'])
const routeKeyByName: ReadonlyMap<string, AnyKey> = new Map(Object.entries(routeKeys) as [string, AnyKey][])

const isTable = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)

function readTables(tables: Record<string, unknown>, reader: Reader): Route[] {
  const routes: Route[] = []
  for (const [name, value] of Object.entries(tables)) {
    const line = reader.lines.get(name)
    if (name === 'route') {
      if (!Array.isArray(value)) reader.problems.push(wrongValue(line, name, text('written as [[route]]', '[[route]] という形'), value))
      else value.forEach((route, index) => readRoute(route, index, routes, reader))
    } else if (isTable(value) && sectionNames.has(name)) {
      for (const [inner, innerValue] of Object.entries(value)) readKey(`${name}.${inner}`, innerValue, reader)
    } else readKey(name, value, reader)
  }
  return routes
}

function readKey(name: string, value: unknown, reader: Reader): void {
  const line = reader.lines.get(name)
  const key = keyByName.get(name)
  if (!key) {
    const isSection = sectionNames.has(name)
    if (isSection) reader.problems.push(wrongValue(line, name, text(`a section, written [${name}] on a line of its own`, `[${name}] という行で始まるセクション`), value))
    else reader.problems.push(unknownKey(line, name, nearestKey(name)))
    return
  }
  const reading = key.kind.read(value, reader.folder)
  if (key.notYet && value !== 'off') reader.problems.push(notYet(line, name))
  else if (!reading.ok) reader.problems.push(wrongValue(line, name, reading.expected, value))
  else reader.values.set(name, reading.value)
}

function readRoute(route: unknown, index: number, routes: Route[], reader: Reader): void {
  const at = `route.${index}`
  const line = reader.lines.get(at) ?? reader.lines.get('route')
  if (!isTable(route)) {
    reader.problems.push(wrongValue(line, 'route', text('written as [[route]]', '[[route]] という形'), route))
    return
  }
  const found = new Map<string, unknown>([['port', routeKeys.port.default]])
  for (const [name, value] of Object.entries(route)) {
    const valueLine = reader.lines.get(`${at}.${name}`) ?? line
    const key = routeKeyByName.get(name)
    const reading = key?.kind.read(value, reader.folder)
    if (!reading) {
      const near = nearestWord(name, routeKeyByName.keys())
      reader.problems.push(unknownKey(valueLine, `route.${name}`, near && `route.${near}`))
    } else if (!reading.ok) {
      reader.problems.push(wrongValue(valueLine, `route.${name}`, reading.expected, value))
      found.set(name, undefined)
    } else found.set(name, reading.value)
  }
  for (const name of ['domain', 'host']) {
    if (!found.has(name)) reader.problems.push(impossible(line, `route.${name}`, text(`this [[route]] lacks "${name}"`, `この [[route]] には「${name}」がありません`)))
  }
  const [domain, host, port] = [found.get('domain'), found.get('host'), found.get('port')]
  if (typeof domain === 'string' && typeof host === 'string' && typeof port === 'number') routes.push({ domain: domain.toLowerCase(), host, port })
}

/** The known key that was probably meant: the same word in another section, or one that is spelled nearly so. */
function nearestKey(name: string): string | undefined {
  const last = name.slice(name.lastIndexOf('.') + 1)
  const elsewhere = [...keyByName.keys()].filter((known) => known.slice(known.lastIndexOf('.') + 1) === last)
  if (elsewhere.length === 1) return elsewhere[0]
  const section = name.slice(0, name.lastIndexOf('.') + 1)
  const inSection = section === '' ? undefined : nearestWord(last, [...keyByName.keys()].filter((known) => known.startsWith(section)).map((known) => known.slice(section.length)))
  return inSection === undefined ? nearestWord(name, [...keyByName.keys(), ...sectionNames]) : section + inSection
}

function assemble(values: ConfigValues, routes: readonly Route[], file: string | undefined): Config {
  // One place where a value gets back the type of its key: `readKey` put it there by that key's own kind.
  const get = <T>(key: Key<T>): T => values.get(key.name) as T
  const [certificate, key] = [get(keys.certificate), get(keys.certificateKey)]
  const smarthost = get(keys.smarthost)
  const [user, passwordFile] = [get(keys.smarthostUser), get(keys.smarthostPasswordFile)]
  const limits = Object.fromEntries(limitKeys.map((one) => [one.limit, get(one)])) as { [name in LimitName]: number }
  return {
    file,
    hostname: get(keys.hostname),
    data: get(keys.data),
    listen: {
      smtp: get(keys.listenSmtp),
      submission: get(keys.listenSubmission),
      submissions: get(keys.listenSubmissions),
      imap: get(keys.listenImap),
      imaps: get(keys.listenImaps),
    },
    security: { plaintextLogin: get(keys.plaintextLogin), scram: get(keys.scram) },
    tls: certificate !== undefined && key !== undefined ? { certificate, key } : undefined,
    dns: { servers: get(keys.dnsServers) },
    outbound: {
      port: get(keys.outboundPort),
      smarthost: smarthost && { ...smarthost, login: user !== undefined && passwordFile !== undefined ? { user, passwordFile } : undefined },
      receivedShowsClient: get(keys.receivedShowsClient),
    },
    routes,
    journal: { mirrors: get(keys.journalMirrors), segmentSizeOctets: get(keys.segmentSize), dropFullMirror: get(keys.dropFullMirror) },
    intake: { directory: get(keys.intakeDirectory) ?? `${get(keys.data)}/intake` },
    scrub: { everyMs: get(keys.scrubEvery), octetsPerSecond: get(keys.scrubRate) },
    threads: { taking: get(keys.threadsTaking), reading: get(keys.threadsReading), accounts: get(keys.threadsAccounts) },
    run: { user: get(keys.runUser) },
    limits,
    delivery: { subaddressSeparator: get(keys.subaddressSeparator), postmaster: get(keys.postmaster) },
    proxy: { networks: get(keys.proxyNetworks) },
    status: { listen: get(keys.statusListen), title: get(keys.statusTitle), publish: get(keys.statusPublish), publicUrl: get(keys.statusPublicUrl) },
    log: { level: get(keys.logLevel) },
  }
}

/** Values that are right alone and impossible together. */
function contradictions(config: Config, values: ConfigValues, lines: ReadonlyMap<string, number>): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const say = (key: string, sentence: Text) => problems.push(impossible(lines.get(key), key, sentence))
  const oneWithoutOther = (given: Key<unknown>, missing: Key<unknown>) => {
    if (values.get(given.name) !== undefined && values.get(missing.name) === undefined) {
      say(given.name, text(`"${given.name}" needs "${missing.name}" as well`, `「${given.name}」には「${missing.name}」も必要です`))
    }
  }
  oneWithoutOther(keys.certificate, keys.certificateKey)
  oneWithoutOther(keys.certificateKey, keys.certificate)
  oneWithoutOther(keys.smarthostUser, keys.smarthostPasswordFile)
  oneWithoutOther(keys.smarthostPasswordFile, keys.smarthostUser)
  oneWithoutOther(keys.smarthostUser, keys.smarthost)

  const taken = new Map<string, string>()
  for (const door of doorNames) {
    for (const at of config.listen[door]) {
      if (at.port === 0) continue
      const where = printHostPort(at)
      const other = taken.get(where)
      if (other !== undefined) say(`listen.${door}`, text(`"listen.${door}" and "listen.${other}" cannot both have ${where}`, `「listen.${door}」と「listen.${other}」の両方に ${where} は使えません`))
      else taken.set(where, door)
    }
  }
  const mirrors = config.journal.mirrors
  mirrors.forEach((mirror, index) => {
    if (isInside(mirror, config.data) || isInside(config.data, mirror) || mirrors.indexOf(mirror) !== index) {
      say(keys.journalMirrors.name, text(`the mirror ${mirror} must be a directory of its own, apart from "data" and from other mirrors`, `ミラー ${mirror} は「data」や他のミラーとは別のディレクトリにしてください`))
    }
  })
  if (config.limits.large_message_octets > config.limits.message_octets_max) {
    // Harmless, but surely not what was meant only when both were written.
    if (lines.has('limits.large_message_octets') && lines.has('limits.message_octets_max')) {
      say('limits.large_message_octets', text('"limits.large_message_octets" is above "limits.message_octets_max"', '「limits.large_message_octets」が「limits.message_octets_max」を超えています'))
    }
  }
  return problems
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
}

function deepFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFrozen(inner)
  }
  return value
}

/** A config from values that are known to be right: trial mode, and what a reload leaves. */
export function configFrom(values: ConfigValues, routes: readonly Route[], file: string | undefined): LoadedConfig {
  const config = deepFrozen(assemble(values, routes, file))
  return { config, values, routes: config.routes }
}
