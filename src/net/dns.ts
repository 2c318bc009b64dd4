// The stub resolver: what a name server we trust says about a name, remembered for as long as it may
// be. Its one promise: trouble is never "no such host". Only a server's own NXDOMAIN or empty answer
// says that something is not there; a server that fails, refuses, is silent or out of reach, or
// talks nonsense is `trouble`, and whoever asked tries again later.
import type { Clock } from '../base/clock.ts'
import { assert } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { DnsCache } from './dns-cache.ts'
import { isDnsName, plainName } from './dns-message.ts'
import type { DnsRecords, DnsType } from './dns-message.ts'
import type { DnsServer } from './dns-servers.ts'
import { askOverTcp, askOverUdp } from './dns-transport.ts'
import type { Heard } from './dns-transport.ts'

export type { DnsRecords, DnsType } from './dns-message.ts'

export type DnsTroubleCode = 'timeout' | 'unreachable' | 'servfail' | 'refused' | 'lame' | 'malformed' | 'alias-loop' | 'busy' | 'aborted'

export type DnsAnswer<T extends DnsType> =
  | {
      kind: 'answers'
      /** At least one. */
      records: readonly DnsRecords[T][]
      /** Where the aliases ended; the asked name when there were none. */
      name: string
      ttlSeconds: number
      /** DNSSEC was checked, and by a resolver on this machine. */
      isAuthentic: boolean
    }
  /** `no-data`: the name exists, but has no such records. `no-such-name`: NXDOMAIN. */
  | { kind: 'no-data' | 'no-such-name'; name: string; ttlSeconds: number; isAuthentic: boolean }
  | { kind: 'trouble'; code: DnsTroubleCode; reason: string }

/** What other rooms need of it; tests bring their own. */
export interface Resolver {
  resolve<T extends DnsType>(name: string, type: T, signal?: AbortSignal): Promise<DnsAnswer<T>>
}

export interface ResolverOptions {
  servers: readonly DnsServer[]
  clock: Clock
  random: Random
  /** Of the first try; later ones wait longer. */
  timeoutMs?: number
  cacheEntriesMax?: number
}

/** Times that each server is asked. */
const roundsMax = 2
const timeoutMsDefault = 3000
/** Aliases that are followed with a question of their own. */
const aliasQuestionsMax = 8
/** Questions at one moment on the wire, and those that wait for their turn. */
const questionsMax = 200
const waitingMax = 20_000
/** A server that did not answer is asked last for so long. */
const avoidMs = 30_000

type Server = DnsServer & { avoidUntilMs: number; knowsEdns: boolean }

export class StubResolver implements Resolver {
  readonly #options: ResolverOptions
  readonly #cache: DnsCache
  readonly #underWay = new Map<string, Promise<DnsAnswer<DnsType>>>()
  readonly #waiting: (() => void)[] = []
  #servers: Server[]
  #questions = 0

  constructor(options: ResolverOptions) {
    assert(options.servers.length > 0, 'a resolver has servers')
    this.#options = options
    this.#cache = new DnsCache(options.clock, options.cacheEntriesMax)
    this.#servers = serversOf(options.servers)
  }

  /** On a reload of the config. What is remembered is forgotten: it came from others. */
  useServers(servers: readonly DnsServer[]): void {
    assert(servers.length > 0, 'a resolver has servers')
    this.#servers = serversOf(servers)
    this.#cache.clear()
    this.#underWay.clear()
  }

  resolve<T extends DnsType>(name: string, type: T, signal?: AbortSignal): Promise<DnsAnswer<T>> {
    const plain = plainName(name)
    // No server has to be asked: such a name cannot exist.
    if (!isDnsName(plain)) return Promise.resolve({ kind: 'no-such-name', name: plain, ttlSeconds: 0, isAuthentic: false })
    const key = `${type} ${plain}`
    const known = this.#cache.get(key)
    if (known) return Promise.resolve(known as DnsAnswer<T>)
    let answer = this.#underWay.get(key) as Promise<DnsAnswer<T>> | undefined
    if (!answer) {
      if (this.#waiting.length >= waitingMax) return Promise.resolve({ kind: 'trouble', code: 'busy', reason: 'too many DNS questions wait already' })
      answer = this.#find(plain, type)
      const mine = answer as Promise<DnsAnswer<DnsType>>
      this.#underWay.set(key, mine)
      void answer.then((found) => {
        if (this.#underWay.get(key) !== mine) return // the servers have been changed meanwhile
        this.#underWay.delete(key)
        this.#cache.put(key, found as DnsAnswer<DnsType>)
      })
    }
    return signal ? abandonable(answer, signal) : answer
  }

  async #find<T extends DnsType>(askedName: string, type: T): Promise<DnsAnswer<T>> {
    let name = askedName
    let ttlSeconds = Number.POSITIVE_INFINITY
    let isAuthentic = true
    for (let steps = 0; steps <= aliasQuestionsMax; steps++) {
      const heard = await this.#askAll(name, type)
      if (heard.kind === 'failed') return { kind: 'trouble', code: heard.code, reason: `${type} of ${name}: ${heard.reason}` }
      ttlSeconds = Math.min(ttlSeconds, heard.ttlSeconds)
      isAuthentic &&= heard.isAuthentic
      if (heard.kind === 'answers') return { kind: 'answers', records: heard.records, name: heard.name, ttlSeconds, isAuthentic }
      if (heard.kind !== 'alias') return { kind: heard.kind, name: heard.name, ttlSeconds, isAuthentic }
      name = heard.target
      if (!isDnsName(name)) return { kind: 'no-such-name', name, ttlSeconds: 0, isAuthentic }
    }
    return { kind: 'trouble', code: 'alias-loop', reason: `${askedName}: more than ${aliasQuestionsMax} aliases (CNAME) in a row` }
  }

  async #askAll<T extends DnsType>(name: string, type: T): Promise<Conclusive<T>> {
    await this.#turn()
    try {
      let last: Conclusive<T> | undefined
      const firstMs = this.#options.timeoutMs ?? timeoutMsDefault
      for (let round = 0; round < roundsMax; round++) {
        for (const server of this.#inOrder()) {
          const heard = await this.#askOne(server, name, type, firstMs * (round + 1))
          if (heard.kind !== 'failed') return { ...heard, isAuthentic: heard.isAuthentic && server.isOnThisMachine }
          // What a server says about itself tells more than that another was silent.
          if (!last || last.kind !== 'failed' || last.code === 'timeout' || last.code === 'unreachable') last = heard
          if (heard.code === 'timeout' || heard.code === 'unreachable') server.avoidUntilMs = this.#options.clock.monotonicMs() + avoidMs
        }
        if (last?.kind === 'failed' && last.code !== 'timeout' && last.code !== 'servfail') break // would say the same again
      }
      return last as Conclusive<T>
    } finally {
      this.#questions--
      this.#waiting.shift()?.()
    }
  }

  async #askOne<T extends DnsType>(server: Server, name: string, type: T, timeoutMs: number): Promise<Conclusive<T>> {
    const { clock, random } = this.#options
    const asking = { server, name, type, timeoutMs, clock, random, withEdns: server.knowsEdns }
    let heard: Heard<T> = await askOverUdp(asking)
    if (heard.kind === 'no-edns') {
      heard = await askOverUdp({ ...asking, withEdns: false })
      if (heard.kind !== 'failed') server.knowsEdns = false
    }
    if (heard.kind === 'truncated') heard = await askOverTcp({ ...asking, withEdns: server.knowsEdns })
    if (heard.kind === 'truncated' || heard.kind === 'no-edns') return { kind: 'failed', code: 'malformed', reason: `${server.address} does not understand the question` }
    return heard
  }

  /** Those that have lately been silent last; otherwise as configured. */
  #inOrder(): Server[] {
    const nowMs = this.#options.clock.monotonicMs()
    return [...this.#servers].sort((a, b) => Number(a.avoidUntilMs > nowMs) - Number(b.avoidUntilMs > nowMs))
  }

  #turn(): Promise<void> | undefined {
    this.#questions++
    return this.#questions > questionsMax ? new Promise((resolve) => this.#waiting.push(resolve)) : undefined
  }
}

type Conclusive<T extends DnsType> = Exclude<Heard<T>, { kind: 'truncated' | 'no-edns' }>

function serversOf(servers: readonly DnsServer[]): Server[] {
  return servers.map((server) => ({ ...server, avoidUntilMs: 0, knowsEdns: true }))
}

/** The question goes on for others; only this caller stops waiting. */
function abandonable<T extends DnsType>(answer: Promise<DnsAnswer<T>>, signal: AbortSignal): Promise<DnsAnswer<T>> {
  const aborted: DnsAnswer<T> = { kind: 'trouble', code: 'aborted', reason: 'the question was given up' }
  if (signal.aborted) return Promise.resolve(aborted)
  return new Promise((resolve) => {
    const onAbort = () => resolve(aborted)
    signal.addEventListener('abort', onAbort, { once: true })
    void answer.then((found) => {
      signal.removeEventListener('abort', onAbort)
      resolve(found)
    })
  })
}
