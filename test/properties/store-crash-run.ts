// One life after the other of a store on a machine that crashes, is spoilt and fails, with everything that
// clients are told written down, and all of it compared with the naive model after each start.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Outage } from '../../src/base/errors.ts'
import { limitDefaults } from '../../src/base/limits.ts'
import type { Random } from '../../src/base/random.ts'
import { SimulatedCrash } from '../../src/base/simulated-disk.ts'
import { silentLog } from '../../src/base/log.ts'
import { openInlineStore, type InlineStore } from '../../src/store/inline.ts'
import { openJournalReader } from '../../src/store/journal/journal-reader.ts'
import {
  accountId, mailboxId, ReplyUnknown, sequence, type AccountChange, type AccountId, type ArrivalMeta, type BodyDraft, type DirectoryChange, type Outcome, type QueueChange, type Store,
} from '../../src/store/store.ts'
import { Damaged } from '../../src/store/tx.ts'
import { CrashWorld } from './crash-world.ts'
import { StoreModel } from './store-model.ts'

interface Told {
  what: string
  /** What the store answered: a result, "nothing was kept", or nothing that says anything. */
  answer: { at: 'open' | 'absent' | 'unknown' } | { at: 'kept'; sequence: number } | { at: 'outcome'; outcome: Outcome<unknown> }
}

const ACCOUNTS = [100, 101, 102, 103]
const NAMES = ['a', 'a/x', 'a/x/y', 'b/だるま', 'Sent']

export interface CrashRunOptions {
  seed: number
  lives: number
  /** Databases also meet errors of the disk and our own mistakes. */
  sabotage: boolean
}

export class CrashRun {
  readonly world: CrashWorld
  readonly #random: Random
  readonly #options: CrashRunOptions
  readonly #told = new Map<number, Told>()
  #tags = 0
  #spoilt = false
  /** The highest numbers that anybody has seen, by mailbox and UIDVALIDITY. */
  readonly #seen = new Map<string, { uidNext: number; highestModseq: number }>()
  #model = new StoreModel()
  #inline: InlineStore | undefined

  constructor(options: CrashRunOptions) {
    this.#options = options
    this.world = new CrashWorld(options.seed)
    this.#random = this.world.random
  }

  async run(): Promise<void> {
    try {
      for (let life = 0; life < this.#options.lives; life += 1) await this.#live(life)
      // In the end everything is made again: from what snapshots there are, and from nothing.
      for (const lost of [[], ['account', 'directory', 'queue'], ['account', 'directory', 'queue', 'snapshot']] as const) {
        for (const kind of lost) for (const path of this.world.databases(kind)) this.world.spoil(path, 'delete')
        await this.#open()
        await this.#check()
        await this.#inline?.close()
        this.#inline = undefined
        this.world.restart({ clean: true })
      }
    } finally {
      await this.#inline?.abandon().catch(() => {})
      this.world.dispose()
    }
  }

  // ------------------------------------------------------------------ one life

  async #live(life: number): Promise<void> {
    const { world } = this
    const end = this.#random.int(4)
    if (end === 0) world.stepsLeft = 1 + this.#random.int(this.#spoilt ? 25 : 90)
    this.#spoilt = false
    if (end === 1) world.journalDisk.failAt(world.journalDisk.operations + 1 + this.#random.int(40), this.#random.int(2) === 0 ? 'crash-before' : 'crash-after')
    let clean = false
    try {
      await this.#open()
      if (!world.crashed) await this.#check()
      for (let bursts = 1 + this.#random.int(4); bursts > 0 && !world.crashed; bursts -= 1) await this.#burst(life)
      if (end === 2 && !world.crashed) {
        await this.#inline?.close()
        clean = !world.crashed
      }
    } catch (error) {
      if (!(world.crashed || error instanceof SimulatedCrash)) throw error
    }
    world.cut()
    await this.#inline?.abandon()
    this.#inline = undefined
    await turns(3)
    for (const told of this.#told.values()) if (told.answer.at === 'open') told.answer = { at: 'unknown' }
    world.restart({ clean })
    if (this.#random.int(2) === 0) this.#spoil()
  }

  #spoil(): void {
    const kind = (['account', 'account', 'directory', 'queue', 'snapshot'] as const)[this.#random.int(5)] ?? 'account'
    const paths = this.world.databases(kind)
    const path = paths[this.#random.int(paths.length)]
    this.#spoilt = true
    if (path !== undefined) this.world.spoil(path, (['delete', 'empty', 'truncate', 'garble'] as const)[this.#random.int(4)] ?? 'delete')
  }

  async #open(): Promise<void> {
    const { world } = this
    for (let attempt = 0; ; attempt += 1) {
      let opened
      try {
        opened = await pumped(world, openInlineStore({
          dataDirectory: world.folder, clock: world.clock, random: world.random, disk: world.journalDisk, asyncDisk: world.journalDisk.async,
          segmentSizeOctets: 32 * 1024, limits: { ...limitDefaults, snapshot_records: 12, disk_reserve_octets: 0 }, log: this.log,
          databases: { disk: world.disk, committed: (base, connection) => {
            world.committed(base, connection)
            if (this.#options.sabotage && this.#random.int(40) === 0) sabotage(connection, this.#random)
          }, applyLimits: { slice_heads_max: 7, slice_records_max: 5, turn_records_max: 3, connections_max: 2, connections_hard_max: 3, meta_octets_max: 4000 }, flushFile: world.flushFile, flushFolder: world.flushFolder },
          onDead: () => world.cut(),
        }))
      } catch (error) {
        if (world.crashed || error instanceof SimulatedCrash) {
          world.cut()
          throw error
        }
        throw error
      }
      if (opened.ok) {
        this.#inline = opened.value
        return
      }
      if (world.crashed || opened.reason.includes('the power is off')) {
        world.cut()
        throw new SimulatedCrash(opened.reason)
      }
      assert.ok(this.#options.sabotage && attempt < 20, opened.reason)
    }
  }

  readonly log = process.env['DARUMA_CRASH_LOG'] ? { ...silentLog, warn: print, error: print, info: print } : silentLog

  // ------------------------------------------------------------------ what clients do

  async #burst(life: number): Promise<void> {
    const store = this.#store()
    const all: Promise<void>[] = []
    if (life === 0 || this.#model.rows.size < 3 || this.#model.domains.size === 0) {
      all.push(this.#directory(store, { kind: 'domain-add', name: 'example.net' }))
      for (const account of ACCOUNTS.slice(0, 3)) all.push(this.#directory(store, accountAdd(account)))
      // Nobody sends to an account before the directory has it: its changes wait for one another, mail does not wait for them.
      await pumped(this.world, Promise.all(all))
      if (ACCOUNTS.slice(0, 3).some((account) => !store.directory.account(accountId(account)))) return
    }
    for (let count = 2 + this.#random.int(12); count > 0; count -= 1) {
      all.push(this.#one(store))
      if (this.#random.int(4) === 0) await turns(1)
    }
    if (this.#random.int(3) === 0) this.world.clock.advance(2000)
    await pumped(this.world, Promise.all(all))
    if (this.#random.int(2) === 0) this.world.clock.advance(2000 + this.#random.int(3000))
    await turns(this.#random.int(8))
  }

  #store(): Store {
    assert.ok(this.#inline)
    return this.#inline.store
  }

  #one(store: Store): Promise<void> {
    const account = ACCOUNTS[this.#random.int(this.#model.rows.has(103) ? 4 : 3)] as number
    switch (this.#random.int(17)) {
      case 14: case 15: case 16: return this.#look(store, account)
      case 0: case 1: case 2: case 3: return this.#arrive(store)
      case 4: return this.#directory(store, this.#directoryChange())
      case 5: case 6: return this.#queue(store)
      case 7: case 8: return this.#append(store, account)
      default: return this.#change(store, account, this.#accountChange(account))
    }
  }

  #body(tag: number): BodyDraft & { at: 'memory' } {
    const bytes = bodyOf(tag)
    return { at: 'memory', bytes, sha256: new Uint8Array(createHash('sha256').update(bytes).digest()) }
  }

  #arrive(store: Store): Promise<void> {
    const to = ACCOUNTS.slice(0, 3).filter(() => this.#random.int(2) === 0)
    return this.#tell('arrival', async (tag) => {
      const arrival: ArrivalMeta = {
        kind: 'arrival', sender: 'sender@example.org', via: 'smtp',
        facts: { size: bodyOf(tag).length, messageId: String(tag), threadKeys: [`key ${this.#random.int(5)}`] },
        plans: to.map((account) => ({ account: accountId(account), mailbox: this.#mailbox(account), bits: this.#random.int(32), keywords: '', prefix: `X: ${tag}\r\n`, recipients: [] })),
        work: to.length === 0 || this.#random.int(3) === 0 ? [{ recipient: `r${tag}@example.com`, domain: 'example.com' }] : [],
      }
      return { at: 'kept', sequence: await store.accept(arrival, await this.#draft(store, tag)) }
    })
  }

  /** Now and then in a file of its own. */
  async #draft(store: Store, tag: number): Promise<BodyDraft> {
    if (this.#random.int(10) > 0) return this.#body(tag)
    const writer = store.largeWriter()
    await writer.write(bodyOf(tag))
    return writer.finish()
  }

  #append(store: Store, account: number): Promise<void> {
    return this.#tell('append', async (tag) => {
      const change: AccountChange & { tag: number } = {
        kind: 'append', mailbox: this.#mailbox(account), bits: this.#random.int(32), keywords: '$Work', internalDateMs: 1_600_000_000_000 + tag,
        facts: { size: bodyOf(tag).length, threadKeys: [] }, tag,
      }
      return { at: 'outcome', outcome: await store.submit(accountId(account), change, this.#body(tag)) }
    })
  }

  #change(store: Store, account: number, change: AccountChange): Promise<void> {
    return this.#tell(change.kind, async (tag) => ({ at: 'outcome', outcome: await store.submit(accountId(account), tagged(change, tag)) }))
  }

  #directory(store: Store, change: DirectoryChange): Promise<void> {
    return this.#tell(change.kind, async (tag) => ({ at: 'outcome', outcome: await store.submitDirectory(tagged(change, tag)) }))
  }

  #queue(store: Store): Promise<void> {
    const change = this.#queueChange()
    return this.#tell(change.kind, async (tag) => ({ at: 'outcome', outcome: await store.submitQueue(tagged(change, tag)) }))
  }

  async #tell(what: string, act: (tag: number) => Promise<Told['answer']>): Promise<void> {
    const told: Told = { what, answer: { at: 'open' } }
    const tag = ++this.#tags
    this.#told.set(tag, told)
    try {
      const answer = await act(tag)
      if (!this.world.crashed) told.answer = answer
    } catch (error) {
      if (error instanceof Outage) told.answer = { at: 'absent' }
      else if (error instanceof ReplyUnknown || error instanceof SimulatedCrash || this.world.crashed) told.answer = { at: 'unknown' }
      else throw error
    }
  }

  /** What a client has seen is never taken back: UIDs and modseqs only grow, over crashes and repairs. */
  async #look(store: Store, account: number): Promise<void> {
    let rows
    try {
      rows = await store.account(accountId(account)).mailboxes()
    } catch (error) {
      if (error instanceof Outage || error instanceof ReplyUnknown || error instanceof SimulatedCrash || this.world.crashed) return
      throw error
    }
    for (const { mailbox, uidValidity, uidNext, highestModseq } of rows) {
      const name = `${account} ${mailbox} ${uidValidity}`
      const before = this.#seen.get(name)
      assert.ok(!before || (before.uidNext <= uidNext && before.highestModseq <= highestModseq), `numbers of ${name} went back from ${JSON.stringify(before)} to ${uidNext} ${highestModseq}`)
      this.#seen.set(name, { uidNext, highestModseq })
    }
  }

  #mailbox(account: number) {
    const known = this.#model.accounts.get(account)?.mailboxes.length ?? 1
    return mailboxId(1 + this.#random.int(known + 2))
  }

  #accountChange(account: number): AccountChange {
    const random = this.#random
    const mailbox = this.#mailbox(account)
    const uids = [[1 + random.int(8), 1 + random.int(12)] as const]
    const name = NAMES[random.int(NAMES.length)] as string
    const group = random.int(3) === 0 ? { group: `group-${random.int(3)}`, last: random.int(2) === 0 } : {}
    switch (random.int(10)) {
      case 0: case 1: return { kind: 'store-flags', mailbox, uids, how: random.int(2) === 0 ? 'add' : 'replace', bits: random.int(32), keywords: random.int(2) === 0 ? '$Junk' : '' }
      case 2: case 3: return { kind: 'copy', mailbox, uids, to: this.#mailbox(account), move: random.int(2) === 0, ...group }
      case 4: return { kind: 'expunge', mailbox, uids }
      case 5: return { kind: 'create-mailbox', name }
      case 6: return { kind: 'rename-mailbox', mailbox, name }
      case 7: return { kind: 'delete-mailbox', mailbox }
      case 8: return { kind: 'subscribe', name, on: random.int(2) === 0 }
      default: return { kind: 'set-quota', octetsMax: random.int(2) === 0 ? null : 100_000 }
    }
  }

  #directoryChange(): DirectoryChange {
    const random = this.#random
    const account = idOfSome(random)
    const address = `alias${random.int(4)}@example.net`
    switch (random.int(6)) {
      case 0: return { kind: 'account-suspend', account, suspended: random.int(2) === 0 }
      case 1: return { kind: 'account-quota', account, octetsMax: random.int(2) === 0 ? null : 200_000 }
      case 2: return { kind: 'alias-add', address, addressKey: address, targets: ['user100@example.net'] }
      case 3: return { kind: 'alias-delete', addressKey: address }
      case 4: return this.#model.rows.has(103) || this.#model.rows.size < 3 ? { kind: 'setting', name: 'four', value: '4' } : accountAdd(103)
      default: return { kind: 'setting', name: `s${random.int(3)}`, value: random.int(3) === 0 ? null : String(random.int(100)) }
    }
  }

  #queueChange(): QueueChange {
    const random = this.#random
    const ids = [...this.#model.works.keys()]
    const text = ids[random.int(ids.length + 1)] ?? '1.0'
    const [arrival = 0, n = 0] = text.split('.').map(Number)
    const work = { arrival: sequence(arrival), n }
    const dueMs = this.world.clock.nowMs() + random.int(10_000)
    switch (random.int(6)) {
      case 0: return { kind: 'attempt-begun', works: [work], dueMs }
      case 1: return { kind: 'settled', settlements: [{ work, outcome: { end: 'retry', dueMs, reply: '451 later', remote: 'mx', delayNotice: false } }] }
      case 2: return { kind: 'settled', settlements: [{ work, outcome: { end: 'done', reply: '250 ok', remote: 'mx' } }] }
      case 3: return { kind: 'settled', settlements: [{ work, outcome: { end: 'failed', reply: '550 no', remote: 'mx', status: '5.1.1' }, report: 'failed' }] }
      case 4: return { kind: 'work-state', works: [work], state: random.int(2) === 0 ? 'held' : 'waiting' }
      default: {
        const owed = [...this.#model.outbox.keys()][0] ?? '1.0'
        const [position = 0, m = 0] = owed.split('.').map(Number)
        return { kind: 'outbox-done', position: sequence(position), n: m }
      }
    }
  }

  // ------------------------------------------------------------------ what must be true

  async #check(): Promise<void> {
    const { world } = this
    const store = this.#store()
    // A change is applied in order and answered afterwards: once these are answered, everything before them is there.
    const barrier = async (what: string, act: (tag: number) => Promise<Outcome<unknown>>): Promise<void> => {
      for (let attempt = 0; ; attempt += 1) {
        let done = false
        await this.#tell(what, async (tag) => {
          const outcome = await act(tag)
          done = true
          return { at: 'outcome', outcome }
        })
        if (done || world.crashed) return
        assert.ok(attempt < 400, `${what} does not come back`)
        world.clock.advance(500)
        await turns(2)
      }
    }
    const reader = () => openJournalReader({ dataDirectory: world.folder, disk: world.journalDisk, asyncDisk: world.journalDisk.async, log: silentLog })
    const before = withReader(reader(), (each) => StoreModel.of(each))
    for (const account of before.accounts.keys()) {
      if ((before.accounts.get(account)?.mailboxes.length ?? 0) === 0) continue
      await pumped(world, barrier(`barrier of ${account}`, (tag) => store.submit(accountId(account), tagged<AccountChange>({ kind: 'outbox-done', position: sequence(1), n: 0 }, tag))))
    }
    await pumped(world, barrier('barrier of the queue', (tag) => store.submitQueue(tagged<QueueChange>({ kind: 'outbox-done', position: sequence(1), n: 0 }, tag))))
    await pumped(world, barrier('barrier of the directory', (tag) => store.submitDirectory(tagged<DirectoryChange>({ kind: 'setting', name: 'barrier', value: String(tag) }, tag))))
    if (world.crashed) return
    const model = withReader(reader(), (each) => StoreModel.of(each))
    this.#model = model
    this.#compareAnswers(model)
    await pumped(world, patiently(world, () => this.#compareViews(store, model)))
  }

  #compareAnswers(model: StoreModel): void {
    for (const [tag, { what, answer }] of this.#told) {
      const found = model.outcomes.get(tag)
      const name = `${what} (${tag})`
      switch (answer.at) {
        case 'kept':
          assert.equal(found?.sequence, answer.sequence, `${name} was answered and is lost`)
          break
        case 'outcome':
          if (!found && JUDGED_BEFORE.has(what) && answer.outcome.end === 'refused') break
          assert.ok(found, `${name} was answered and is lost`)
          assert.deepEqual(plain(answer.outcome), plain(found.outcome), `${name} was answered otherwise`)
          break
        case 'absent':
          assert.equal(found, undefined, `${name} was refused before the append and is there`)
          break
        default:
      }
      // Whatever a start has found stays, answered or not.
      if (found && answer.at !== 'outcome') this.#told.set(tag, { what, answer: { at: 'kept', sequence: found.sequence } })
    }
    const allowed = this.#options.sabotage ? ['undo-group', 'skip'] : ['undo-group']
    assert.deepEqual(model.ofTrouble.filter((kind) => !allowed.includes(kind)), [], 'no record is skipped, no number differs')
  }

  async #compareViews(store: Store, model: StoreModel): Promise<void> {
    for (const [number, expected] of model.accounts) {
      if (expected.mailboxes.length === 0) continue
      const account = store.account(accountId(number))
      const live = [...expected.live()].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
      assert.deepEqual(await account.mailboxes(), live.map((each) => ({
        mailbox: each.mailbox, name: each.name, role: each.role, selectable: each.selectable, uidValidity: each.uidValidity, uidNext: each.uidNext,
        highestModseq: each.highestModseq, ...expected.counters(each),
      })), `mailboxes of ${number}`)
      for (const mailbox of live) {
        const view = expected.present(mailbox).map(({ uid, modseq, bits, keywords }) => ({ uid, modseq, bits, keywords }))
        const changes = await account.changesSince(mailboxId(mailbox.mailbox), 0, 2000)
        assert.deepEqual(changes.rows, view, `messages of ${number} ${mailbox.name}`)
        assert.deepEqual(changes.expunged, mailbox.messages.filter((each) => each.retiredModseq !== null).map((each) => each.uid))
        const rows = await account.messages(mailboxId(mailbox.mailbox), view.map((each) => each.uid))
        assert.deepEqual(rows.map((row) => [row.uid, row.message, row.sizeOctets, row.internalDateMs, row.thread]),
          expected.present(mailbox).map((each) => [each.uid, each.message, each.octets, each.internalDateMs, expected.threadOf.get(each.message)]))
        for (const row of rows) await this.#compareBody(store, model, row.message)
      }
      assert.deepEqual(await account.subscriptions(), [...expected.subscriptions].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
      const { octetsUsed, octetsMax } = await account.quota()
      assert.deepEqual({ octetsUsed, octetsMax }, { octetsUsed: expected.octetsUsed(), octetsMax: expected.octetsMax })
    }
    const { directory, queue } = store
    assert.deepEqual([...directory.domains()].map((row) => row.name), [...model.domains.keys()])
    const rows = [...directory.accounts()].sort((a, b) => a.account - b.account)
    assert.deepEqual(rows.map((row) => [row.account as number, row.address, row.suspended, row.octetsMax]),
      [...model.rows].sort(([a], [b]) => a - b).map(([account, row]) => [account, row.address, row.suspended, row.octetsMax]))
    assert.deepEqual(new Map([...directory.aliases()].map((row) => [row.addressKey, row.targets])), model.aliases)
    for (const [name, value] of model.settings) assert.equal(directory.setting(name), value)
    for (const [id, expected] of model.works) {
      const [arrival = 0, n = 0] = id.split('.').map(Number)
      const row = await queue.get({ arrival: sequence(arrival), n })
      assert.ok(row, `work ${id} is there`)
      const { recipient, state, attempts, dueMs, lastReply } = row
      assert.deepEqual({ recipient, state, attempts, dueMs, lastReply }, expected, `work ${id}`)
    }
    const open = [...model.works].filter(([, work]) => work.state === 'waiting' || work.state === 'held')
    assert.equal((await queue.list(2000)).length, open.length)
    const owed = await queue.outbox(2000)
    assert.deepEqual(owed.map((row) => [`${row.position}.${row.n}`, row.report.kind as string, row.report.works.length]), [...model.outbox].map(([id, report]) => [id, report.kind, report.works]))
  }

  readonly #bodiesSeen = new Set<number>()

  async #compareBody(store: Store, model: StoreModel, message: number): Promise<void> {
    if (this.#bodiesSeen.has(message)) return
    this.#bodiesSeen.add(message)
    const tag = [...model.outcomes].find(([, each]) => each.sequence === message)?.[0]
    assert.ok(tag !== undefined, `message ${message} is somebody's`)
    const source = await store.openBody(sequence(message))
    assert.deepEqual(Buffer.from(await source.read(0, source.sizeOctets)), Buffer.from(bodyOf(tag)), `bytes of ${message}`)
    source.close()
  }
}

/** What the directory refuses of these it refuses before the append. */
const JUDGED_BEFORE: ReadonlySet<string> = new Set(['account-add', 'account-quota'])

function accountAdd(account: number): DirectoryChange {
  const address = `user${account}@example.net`
  return { kind: 'account-add', account: accountId(account), address, addressKey: address, credential: { argon2: '$argon2id$', scram: null }, octetsMax: null, mailboxes: [{ name: 'Sent', role: 'sent' }] }
}

function idOfSome(random: Random): AccountId {
  return accountId(ACCOUNTS[random.int(3)] as number)
}

function bodyOf(tag: number): Uint8Array {
  const bytes = new Uint8Array(20 + ((tag * 37) % 900))
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = (tag * 31 + at * 7) % 251
  return bytes
}

/** A field that nobody who applies it looks at. */
function tagged<T extends object>(change: T, tag: number): T {
  return { ...change, tag }
}

function plain(outcome: Outcome<unknown> | undefined): unknown {
  return outcome?.end === 'refused' ? { end: 'refused', code: outcome.code } : outcome
}

function withReader<T>(reader: ReturnType<typeof openJournalReader>, act: (reader: ReturnType<typeof openJournalReader>) => T): T {
  try {
    return act(reader)
  } finally {
    reader.close()
  }
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Waits; a machine without power answers nobody. Time goes on when nothing happens for long. */
async function pumped<T>(world: CrashWorld, waited: Promise<T>): Promise<T> {
  let ended = false
  void waited.then(() => (ended = true), () => (ended = true))
  for (let n = 0; !ended; n += 1) {
    await turns(1)
    if (world.crashed && n > 20) {
      waited.catch(() => {})
      throw new SimulatedCrash('the power is off')
    }
    if (n > 300 && n % 20 === 0) {
      world.clock.advance(500)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    if (n > 20_000) throw new Error('nothing comes back')
  }
  return waited
}

/** A reading may meet a database that is being made again. */
async function patiently(world: CrashWorld, act: () => Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof Outage) || attempt > 400) throw error
      world.clock.advance(500)
      await turns(3)
    }
  }
}

/** The next commit, or a later statement, fails: before or after it had its effect. */
function sabotage(connection: { commit(): void; run(sql: string, values: never[]): number }, random: Random): void {
  const outage = () => new Outage('simulated', { operation: 'commit', code: random.int(2) === 0 ? 'SQLITE_IOERR' : 'SQLITE_FULL' })
  const prototype = Object.getPrototypeOf(connection) as typeof connection
  if (random.int(2) === 0) {
    const after = random.int(2) === 0
    let times = 1 + random.int(4)
    connection.commit = () => {
      times -= 1
      if (times === 0 || after) connection.commit = prototype.commit
      if (after) prototype.commit.call(connection)
      throw outage()
    }
  } else {
    let left = 1 + random.int(12)
    connection.run = (sql, values) => {
      left -= 1
      if (left > 0) return prototype.run.call(connection, sql, values)
      connection.run = prototype.run
      const kind = random.int(4)
      throw kind === 0 ? new TypeError('simulated') : kind === 1 ? new Damaged('simulated') : outage()
    }
  }
}

function print(text: string, fields?: object): void {
  process.stderr.write(`${text} ${JSON.stringify(fields ?? {})}\n`)
}
