// A front's end of the channels to the journal and account threads: gathers what one turn of the loop
// wants appended into one message, and matches answers to those who wait.
import type { MessagePort } from 'node:worker_threads'
import { Outage } from '../../base/errors.ts'
import type { DatabaseId } from '../ids.ts'
import type { Outcome } from '../operations.ts'
import type { RecordType } from '../journal/record.ts'
import { ReplyUnknown, type BodyDraft } from '../store.ts'
import type { FromAccounts, FromJournal, FrontPorts, NotKept, Notice, PutItem, ToAccounts, ToJournal } from './messages.ts'

export interface Put {
  type: RecordType
  databases: readonly DatabaseId[]
  meta: unknown
  body?: BodyDraft | undefined
  reserved?: boolean
}

interface Waiter<T> {
  resolve: (value: T) => void
  reject: (error: Error) => void
}

export interface FrontLinkEvents {
  onNotices: (list: Notice[]) => void
  onReplaced: (database: DatabaseId) => void
  onTrouble: (database: DatabaseId, on: boolean) => void
}

const NOT_KEPT: Record<NotKept, [sentence: string, code: string, hint: string]> = {
  'no-space': ['the journal disk is full', 'ENOSPC', 'make room on the journal disk'],
  'no-means': ['no file descriptors or no memory left for the journal', 'EMFILE', 'raise the limit of open files (ulimit -n), or find out who uses them'],
  'member-lost': ['a copy of the journal was lost while the message came in', 'EIO', 'look at the log for the disk error'],
  stopping: ['the server is stopping', 'ESHUTDOWN', 'try again in a moment'],
  dead: ['the journal has failed', 'EIO', 'look at the log for the disk error'],
  'not-writable': ['the record cannot be written', 'EINVAL', 'see the log; please report it'],
}

export class FrontLink {
  readonly #journal: MessagePort
  readonly #accounts: MessagePort
  #nextId = 1
  #outgoing: PutItem[] = []
  #moved: ArrayBuffer[] = []
  #scheduled = false
  readonly #kept = new Map<number, Waiter<number>>()
  readonly #outcomes = new Map<number, Waiter<Outcome<unknown>>>()
  readonly #opens = new Map<number, Waiter<string>>()
  #closed = false

  constructor(ports: FrontPorts, events: FrontLinkEvents) {
    this.#journal = ports.journal
    this.#accounts = ports.accounts
    this.#journal.on('message', (message: FromJournal) => this.#onJournal(message))
    this.#accounts.on('message', (message: FromAccounts) => {
      switch (message.t) {
        case 'outcomes':
          for (const [id, outcome] of message.list) {
            const waiter = this.#outcomes.get(id)
            this.#outcomes.delete(id)
            if (outcome.end === 'unknown') waiter?.reject(new ReplyUnknown('the change is recorded; what applying it gave is not known yet'))
            else waiter?.resolve(outcome)
          }
          return
        case 'mended':
        case 'opened': {
          const waiter = this.#opens.get(message.id)
          this.#opens.delete(message.id)
          if (message.path !== null) waiter?.resolve(message.path)
          else waiter?.reject(new Outage(message.because, { operation: 'open', hint: 'the account is being repaired; its mail is kept and comes back by itself' }))
          return
        }
        case 'notices':
          events.onNotices(message.list)
          return
        case 'replaced':
          events.onReplaced(message.database)
          return
        case 'trouble':
          events.onTrouble(message.database, message.on)
      }
    })
  }

  /** Resolves with the record's sequence once it is flushed. */
  keep(put: Put): Promise<number> {
    return new Promise((resolve, reject) => {
      const id = this.#send(put, null)
      if (id === undefined) reject(notKept('stopping'))
      else this.#kept.set(id, { resolve, reject })
    })
  }

  /** Resolves with what applying it in `database` gave. */
  apply(put: Put, database: DatabaseId): Promise<Outcome<unknown>> {
    return new Promise((resolve, reject) => {
      const id = this.#send(put, database)
      if (id === undefined) reject(notKept('stopping'))
      else this.#outcomes.set(id, { resolve, reject })
    })
  }

  /** Resolves with the path of the database's file once it has reached the gate. */
  open(database: DatabaseId): Promise<string> {
    if (this.#closed) return Promise.reject(new Outage('the store is closing', { operation: 'open' }))
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#opens.set(id, { resolve, reject })
      this.#accounts.postMessage({ t: 'open', id, database } satisfies ToAccounts)
    })
  }

  /** Resolves with the path of its file once that is done and the database is at the gate. */
  mend(database: DatabaseId, how: 'rebuild' | 'recount' | 'drop-texts', because: string): Promise<string> {
    if (this.#closed) return Promise.reject(new Outage('the store is closing', { operation: 'open' }))
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#opens.set(id, { resolve, reject })
      this.#accounts.postMessage({ t: 'mend', id, database, how, because } satisfies ToAccounts)
    })
  }

  tellAccounts(message: ToAccounts): void {
    this.#accounts.postMessage(message)
  }

  /** Records under way are answered; new ones are refused. */
  close(): void {
    this.#closed = true
    this.#flush()
    this.#journal.close()
    this.#accounts.close()
    const gone = new ReplyUnknown('the store was closed meanwhile')
    for (const waiter of [...this.#kept.values(), ...this.#outcomes.values(), ...this.#opens.values()]) waiter.reject(gone)
    this.#kept.clear()
    this.#outcomes.clear()
    this.#opens.clear()
  }

  #send(put: Put, answerFrom: DatabaseId | null): number | undefined {
    if (this.#closed) return undefined
    const id = this.#nextId++
    const body = put.body?.at === 'memory' ? put.body.bytes : null
    this.#outgoing.push({
      id,
      type: put.type,
      databases: put.databases,
      meta: JSON.stringify(put.meta),
      body,
      large: put.body?.at === 'large' ? { name: put.body.name, sizeOctets: put.body.sizeOctets, lacking: put.body.lacking } : null,
      sha256: put.body?.sha256 ?? null,
      reserved: put.reserved ?? false,
      answerFrom,
    })
    if (body !== null && body.byteLength > 0) this.#moved.push(body.buffer as ArrayBuffer)
    if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => this.#flush())
    }
    return id
  }

  #flush(): void {
    this.#scheduled = false
    if (this.#outgoing.length === 0) return
    const items = this.#outgoing
    const moved = this.#moved
    this.#outgoing = []
    this.#moved = []
    this.#journal.postMessage({ t: 'put', items } satisfies ToJournal, moved)
  }

  #onJournal(message: FromJournal): void {
    switch (message.t) {
      case 'kept':
        for (let i = 0; i < message.ids.length; i++) {
          const id = message.ids[i] as number
          const waiter = this.#kept.get(id)
          this.#kept.delete(id)
          waiter?.resolve(message.sequences[i] as number)
        }
        return
      case 'not-kept':
        for (const id of message.ids) {
          const waiter = this.#kept.get(id) ?? this.#outcomes.get(id)
          this.#kept.delete(id)
          this.#outcomes.delete(id)
          waiter?.reject(notKept(message.because))
        }
    }
  }
}

/** Nothing was kept: answer 452 or 451, NO, "try later". */
function notKept(because: NotKept): Outage {
  const [sentence, code, hint] = NOT_KEPT[because]
  return new Outage(sentence, { operation: 'append', code, hint })
}
