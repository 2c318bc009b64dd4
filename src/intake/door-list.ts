// What the understudy knows of the addresses here: which are ours, which certainly are not, and of which it
// cannot say. Pure: the list, its text, and the answer to one recipient. The text is `door.json` in the intake
// directory (docs/FORMAT.md), one JSON object that ends with the SHA-256 of everything before it: a flipped bit
// must not make a known address an unknown one. Whoever cannot read it knows nothing and puts everybody off.
import { createHash } from 'node:crypto'
import { refuse, understood, type Parsed } from '../base/errors.ts'
import { addressKey } from '../store/store.ts'

export const DOOR_LIST_VERSION = 1

export interface DoorDomain {
  /** What becomes of an address that is not listed: refused; taken (there is a catch-all); put off (the catch-all leads nowhere). */
  rest: 'refuse' | 'take' | 'defer'
  /** Keys of local parts (store/address-key.ts) for which mail is taken. */
  known: ReadonlySet<string>
  /** Those that exist but for which nothing is taken now: suspended accounts, aliases that lead to themselves. */
  deferred: ReadonlySet<string>
}

export interface DoorList {
  hostname: string
  writtenMs: number
  /** Between user and tag; "" for none. */
  subaddressSeparator: string
  /** Whether somebody gets mail for postmaster, of whatever domain of ours. */
  postmaster: boolean
  /** An operator has asked that mail from outside wait (daruma pause smtp-in): until when, if that is known, and the words of the reply. */
  pause?: { untilMs?: number; words: string } | undefined
  /** By key (store/address-key.ts). */
  domains: ReadonlyMap<string, DoorDomain>
}

const SEAL = /,"sha256":"([0-9a-f]{64})"\}\n?$/
/** 100,000 addresses make some 3 MB. What is far larger is no door list. */
export const DOOR_LIST_OCTETS_MAX = 256 * 1024 * 1024

export function printDoorList(list: DoorList): Uint8Array {
  const domains = [...list.domains].map(([name, { rest, known, deferred }]) => ({
    name, ...(rest === 'refuse' ? {} : { rest }), known: [...known], ...(deferred.size === 0 ? {} : { deferred: [...deferred] }),
  }))
  const { hostname, writtenMs, subaddressSeparator, postmaster, pause } = list
  const text = JSON.stringify({ version: DOOR_LIST_VERSION, hostname, writtenMs, subaddressSeparator, postmaster, pause, domains })
  const open = Buffer.from(text.slice(0, -1), 'utf8')
  return new Uint8Array(Buffer.concat([open, Buffer.from(`,"sha256":"${createHash('sha256').update(open).digest('hex')}"}\n`)]))
}

/** Never throws; whatever is not exactly as it was written is refused whole. */
export function parseDoorList(bytes: Uint8Array): Parsed<DoorList> {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const seal = SEAL.exec(whole.subarray(-100).toString('latin1'))
  if (!seal || whole.length > DOOR_LIST_OCTETS_MAX) return refuse('door-list-torn', 'the list of addresses has no end: it was cut off, or it is something else')
  const open = whole.subarray(0, whole.length - seal[0].length)
  if (createHash('sha256').update(open).digest('hex') !== seal[1]) return refuse('door-list-damaged', 'the list of addresses does not match its SHA-256')
  let value: unknown
  try {
    value = JSON.parse(`${open.toString('utf8')}}`)
  } catch {
    return refuse('door-list-damaged', 'the list of addresses is no JSON')
  }
  if (!isObject(value)) return refuse('door-list-damaged', 'the list of addresses is no object')
  if (value['version'] !== DOOR_LIST_VERSION) return refuse('door-list-version', `the list of addresses has version ${JSON.stringify(value['version'])?.slice(0, 20)}; ${DOOR_LIST_VERSION} is known`)
  const { hostname, writtenMs, subaddressSeparator, postmaster, pause, domains } = value
  if (typeof hostname !== 'string' || typeof writtenMs !== 'number' || typeof subaddressSeparator !== 'string' || typeof postmaster !== 'boolean' || !Array.isArray(domains)) {
    return refuse('door-list-damaged', 'a field of the list of addresses is missing')
  }
  if (pause !== undefined && !isPause(pause)) return refuse('door-list-damaged', 'the pause in the list of addresses cannot be read')
  const found = new Map<string, DoorDomain>()
  for (const one of domains as unknown[]) {
    if (!isObject(one)) return refuse('door-list-damaged', 'a domain in the list of addresses cannot be read')
    const { name, rest = 'refuse', known, deferred = [] } = one
    if (typeof name !== 'string' || (rest !== 'refuse' && rest !== 'take' && rest !== 'defer') || !isTexts(known) || !isTexts(deferred)) {
      return refuse('door-list-damaged', 'a domain in the list of addresses cannot be read')
    }
    found.set(name, { rest, known: new Set(known), deferred: new Set(deferred) })
  }
  return understood({ hostname, writtenMs, subaddressSeparator, postmaster, ...(pause ? { pause } : {}), domains: found })
}

export type DoorAnswer = 'take' | 'defer' | 'unknown-user' | 'elsewhere'

/** The same order as when the server resolves it: the address, then without its tag, postmaster, the catch-all. */
export function judgeAtDoor(list: DoorList, address: string): DoorAnswer {
  const key = addressKey(address)
  const at = key.lastIndexOf('@')
  if (at < 0) return key === 'postmaster' ? (list.postmaster ? 'take' : 'defer') : 'unknown-user'
  const local = key.slice(0, at)
  const domain = list.domains.get(key.slice(at + 1))
  if (!domain) return local === 'postmaster' && key[at + 1] === '[' ? (list.postmaster ? 'take' : 'defer') : 'elsewhere'
  for (let candidate = local, cut = local.length; ;) {
    if (domain.known.has(candidate)) return 'take'
    if (domain.deferred.has(candidate)) return 'defer'
    cut = list.subaddressSeparator === '' || local.startsWith('"') || cut === 0 ? -1 : local.lastIndexOf(list.subaddressSeparator, cut - 1)
    if (cut <= 0) break
    candidate = local.slice(0, cut)
  }
  if (local === 'postmaster') return list.postmaster ? 'take' : 'defer'
  return domain.rest === 'take' ? 'take' : domain.rest === 'defer' ? 'defer' : 'unknown-user'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isPause(value: unknown): value is NonNullable<DoorList['pause']> {
  return isObject(value) && typeof value['words'] === 'string' && (value['untilMs'] === undefined || typeof value['untilMs'] === 'number')
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
