// One account as simply as it can be thought: arrays, searched from the front. It gives the same answers as the
// store for every change, and is what the store is compared with.
import { changedFlags, DELETED, SEEN, type Flags } from '../../src/store/flags.ts'
import type { AccountChange, ArrivalMeta, ChangeRefusal, Outcome, UidRange } from '../../src/store/operations.ts'

export interface ModelMessage extends Flags {
  uid: number
  message: number
  modseq: number
  octets: number
  internalDateMs: number
  group: string | null
  retiredModseq: number | null
  retiredGroup: string | null
}

export interface ModelMailbox {
  mailbox: number
  name: string
  role: string | null
  selectable: boolean
  uidValidity: number
  uidNext: number
  highestModseq: number
  messages: ModelMessage[]
  retired: boolean
}

export class AccountModel {
  modseq = 0
  nextMailbox = 1
  lastUidValidity = 0
  octetsMax: number | null = null
  mailboxes: ModelMailbox[] = []
  subscriptions: string[] = []
  readonly threads = new Map<string, number>()
  readonly threadOf = new Map<number, number>()
  timeMs = 0
  sequence = 0

  live(): ModelMailbox[] {
    return this.mailboxes.filter((each) => !each.retired)
  }
  present(mailbox: ModelMailbox): ModelMessage[] {
    return mailbox.messages.filter((each) => each.retiredModseq === null)
  }
  octetsUsed(): number {
    return this.live().flatMap((each) => this.present(each)).reduce((sum, each) => sum + each.octets, 0)
  }

  arrive(arrival: ArrivalMeta, account: number, bodyOctets: number): { mailbox: number; uid: number; modseq: number } {
    const plan = arrival.plans.find((each) => each.account === account)
    if (!plan) throw new Error('the model is only asked for its own arrivals')
    const target = this.#selectable(plan.mailbox ?? -1) ?? this.#named('INBOX')
    if (!target) throw new Error('the model has no INBOX')
    const uid = this.#file(target, { ...plan, bits: plan.bits, octets: plan.prefix.length + bodyOctets, internalDateMs: this.timeMs, threadKeys: arrival.facts.threadKeys })
    return { mailbox: target.mailbox, uid, modseq: this.modseq }
  }

  change(change: AccountChange, bodyOctets: number): Outcome<unknown> {
    switch (change.kind) {
      case 'open-account': {
        for (const { name, role } of [{ name: 'INBOX', role: 'inbox' as const }, ...change.mailboxes]) this.#make(name, role ?? null)
        this.subscriptions = this.live().map((each) => each.name).sort()
        return ok({})
      }
      case 'create-mailbox': {
        const old = this.#named(change.name)
        if (old?.selectable) return no('exists')
        if (change.role !== undefined && this.live().some((each) => each.role === change.role)) return no('exists')
        this.#makeAbove(change.name)
        if (old) this.#retire(old)
        const made = this.#make(change.name, change.role ?? null)
        return ok({ mailbox: made.mailbox, uidValidity: made.uidValidity })
      }
      case 'delete-mailbox': {
        const mailbox = this.#live(change.mailbox)
        if (!mailbox) return no('no-such-mailbox')
        if (mailbox.name === 'INBOX') return no('not-allowed')
        const children = this.live().some((each) => each.name.startsWith(`${mailbox.name}/`))
        if (!mailbox.selectable && children) return no('not-allowed')
        this.#retire(mailbox)
        if (children) this.#make(mailbox.name, null, false)
        else this.#retireEmptyNames(mailbox.name)
        return ok({})
      }
      case 'rename-mailbox': {
        const mailbox = this.#live(change.mailbox)
        if (!mailbox) return no('no-such-mailbox')
        if (this.#named(change.name)) return no('exists')
        if (mailbox.name === 'INBOX') {
          this.#makeAbove(change.name)
          const made = this.#make(change.name, null)
          const all = this.present(mailbox)
          if (all.length === 0) return ok({})
          this.modseq += 1
          for (const each of all) this.#place(made, { ...each, group: null })
          this.#vanish(mailbox, all, null)
          return ok({})
        }
        if (change.name.startsWith(`${mailbox.name}/`)) return no('not-allowed')
        const moved = this.live().filter((each) => each === mailbox || each.name.startsWith(`${mailbox.name}/`))
        const before = mailbox.name
        const names = moved.map((each) => change.name + each.name.slice(before.length))
        if (names.some((name) => this.#named(name))) return no('exists')
        this.#makeAbove(change.name)
        this.modseq += 1
        moved.forEach((each, n) => { each.name = names[n] ?? '' })
        this.#retireEmptyNames(before)
        return ok({})
      }
      case 'subscribe': {
        this.subscriptions = this.subscriptions.filter((each) => each !== change.name)
        if (change.on) this.subscriptions = [...this.subscriptions, change.name].sort()
        return ok({})
      }
      case 'append': {
        const mailbox = this.#selectable(change.mailbox)
        if (!mailbox) return no('no-such-mailbox')
        if (this.octetsMax !== null && this.octetsUsed() + bodyOctets > this.octetsMax) return no('over-quota')
        const uid = this.#file(mailbox, { bits: change.bits, keywords: change.keywords, octets: bodyOctets, internalDateMs: change.internalDateMs, threadKeys: change.facts.threadKeys })
        return ok({ uidValidity: mailbox.uidValidity, uid, modseq: this.modseq })
      }
      case 'store-flags': {
        const mailbox = this.#selectable(change.mailbox)
        if (!mailbox) return no('no-such-mailbox')
        const modified: number[] = []
        const changed: ModelMessage[] = []
        for (const each of this.#meant(mailbox, change.uids)) {
          if (change.unchangedSince !== undefined && each.modseq > change.unchangedSince) {
            modified.push(each.uid)
            continue
          }
          const flags = changedFlags(each, change.how, change)
          if (flags.bits === each.bits && flags.keywords === each.keywords) continue
          Object.assign(each, flags)
          changed.push(each)
        }
        if (changed.length > 0) {
          this.modseq += 1
          mailbox.highestModseq = this.modseq
          for (const each of changed) each.modseq = this.modseq
        }
        return ok({ changed: changed.map(({ uid, modseq, bits, keywords }) => ({ uid, modseq, bits, keywords })), modified })
      }
      case 'copy': {
        const source = this.#selectable(change.mailbox)
        const target = this.#selectable(change.to)
        if (!source || !target) return no('no-such-mailbox')
        const meant = this.#meant(source, change.uids)
        if (meant.length === 0) {
          this.#endGroup(change)
          return ok({ uidValidity: target.uidValidity, pairs: [], modseq: target.highestModseq })
        }
        const octets = meant.reduce((sum, each) => sum + each.octets, 0)
        if (!change.move && this.octetsMax !== null && this.octetsUsed() + octets > this.octetsMax) return no('over-quota')
        this.modseq += 1
        const pairs = meant.map((each) => [each.uid, this.#place(target, { ...each, group: change.group ?? null })])
        if (change.move) this.#vanish(source, meant, change.group ?? null)
        this.#endGroup(change)
        return ok({ uidValidity: target.uidValidity, pairs, modseq: this.modseq })
      }
      case 'expunge': {
        const mailbox = this.#selectable(change.mailbox)
        if (!mailbox) return no('no-such-mailbox')
        const meant = this.#meant(mailbox, change.uids).filter((each) => each.bits & DELETED)
        if (meant.length === 0) return ok({ uids: [], modseq: mailbox.highestModseq })
        this.modseq += 1
        this.#vanish(mailbox, meant, null)
        return ok({ uids: meant.map((each) => each.uid), modseq: this.modseq })
      }
      case 'undo-group': {
        const back: { mailbox: ModelMailbox; message: ModelMessage }[] = []
        const undone: number[] = []
        for (const mailbox of this.live()) {
          const made = this.present(mailbox).filter((each) => each.group === change.group)
          if (made.length === 0) continue
          this.modseq += 1
          this.#vanish(mailbox, made, null)
          undone.push(...made.map((each) => each.message))
        }
        for (const mailbox of this.mailboxes) {
          for (const message of mailbox.messages.filter((each) => each.retiredGroup === change.group)) {
            const at = undone.indexOf(message.message)
            if (at < 0) continue
            undone.splice(at, 1)
            back.push({ mailbox, message })
          }
        }
        for (const from of this.mailboxes) {
          const rows = back.filter((each) => each.mailbox === from)
          if (rows.length === 0) continue
          const home = !from.retired && from.selectable ? from : this.#named('INBOX')
          this.modseq += 1
          for (const { message } of rows) if (home) this.#place(home, { ...message, group: null })
        }
        this.#endGroup({ ...change, last: true })
        return ok({})
      }
      case 'set-quota':
        this.octetsMax = change.octetsMax
        return ok({})
      case 'outbox-done':
        return ok({})
      case 'raise-uid-validity':
        for (const number of change.mailboxes) {
          const mailbox = this.#live(number)
          if (!mailbox) continue
          this.modseq += 1
          this.lastUidValidity = Math.max(this.lastUidValidity + 1, Math.floor(this.timeMs / 1000))
          mailbox.uidValidity = this.lastUidValidity
          mailbox.highestModseq = this.modseq
        }
        return ok({})
    }
  }

  #endGroup({ group, last }: { group?: string; last?: boolean }): void {
    if (group === undefined || last !== true) return
    for (const mailbox of this.mailboxes) {
      for (const each of mailbox.messages) {
        if (each.group === group) each.group = null
        if (each.retiredGroup === group) each.retiredGroup = null
      }
    }
  }

  /** A skip record: the message of the record that was passed over goes to Recovered. */
  recover(message: number, octets: number): void {
    const { sequence } = this
    const mailbox = this.#named('Recovered') ?? this.#make('Recovered', null)
    this.sequence = message
    this.#file(mailbox, { bits: 0, keywords: '', octets, internalDateMs: this.timeMs, threadKeys: [] })
    this.sequence = sequence
  }

  counters(mailbox: ModelMailbox): { total: number; unseen: number; deleted: number; sizeOctets: number } {
    const all = this.present(mailbox)
    return {
      total: all.length, unseen: all.filter((each) => !(each.bits & SEEN)).length, deleted: all.filter((each) => each.bits & DELETED).length,
      sizeOctets: all.reduce((sum, each) => sum + each.octets, 0),
    }
  }

  #live(mailbox: number): ModelMailbox | undefined {
    return this.live().find((each) => each.mailbox === mailbox)
  }
  #selectable(mailbox: number): ModelMailbox | undefined {
    return this.live().find((each) => each.mailbox === mailbox && each.selectable)
  }
  #named(name: string): ModelMailbox | undefined {
    return this.live().find((each) => each.name === name)
  }
  #meant(mailbox: ModelMailbox, uids: readonly UidRange[]): ModelMessage[] {
    return this.present(mailbox).filter((each) => uids.some(([a, b]) => each.uid >= Math.min(a, b) && each.uid <= Math.max(a, b)))
  }
  #make(name: string, role: string | null, selectable = true): ModelMailbox {
    this.modseq += 1
    this.lastUidValidity = Math.max(this.lastUidValidity + 1, Math.floor(this.timeMs / 1000))
    const made: ModelMailbox = {
      mailbox: this.nextMailbox, name, role, selectable, uidValidity: this.lastUidValidity, uidNext: 1, highestModseq: this.modseq, messages: [], retired: false,
    }
    this.nextMailbox += 1
    this.mailboxes.push(made)
    return made
  }
  #makeAbove(name: string): void {
    const levels = name.split('/')
    for (let n = 1; n < levels.length; n += 1) {
      const above = levels.slice(0, n).join('/')
      if (!this.#named(above)) this.#make(above, null)
    }
  }
  #retire(mailbox: ModelMailbox): void {
    this.modseq += 1
    mailbox.retired = true
  }
  #retireEmptyNames(name: string): void {
    const levels = name.split('/')
    for (let n = levels.length - 1; n > 0; n -= 1) {
      const above = levels.slice(0, n).join('/')
      const found = this.#named(above)
      if (!found || found.selectable || this.live().some((each) => each.name.startsWith(`${above}/`))) return
      this.#retire(found)
    }
  }
  #vanish(mailbox: ModelMailbox, messages: readonly ModelMessage[], group: string | null): void {
    for (const each of messages) {
      each.retiredModseq = this.modseq
      each.retiredGroup = group
    }
    mailbox.highestModseq = this.modseq
  }
  #place(mailbox: ModelMailbox, like: Pick<ModelMessage, 'bits' | 'keywords' | 'message' | 'octets' | 'internalDateMs' | 'group'>): number {
    const uid = mailbox.uidNext
    mailbox.uidNext += 1
    mailbox.highestModseq = this.modseq
    mailbox.messages.push({
      uid, message: like.message, modseq: this.modseq, bits: like.bits, keywords: like.keywords, octets: like.octets, internalDateMs: like.internalDateMs,
      group: like.group, retiredModseq: null, retiredGroup: null,
    })
    return uid
  }
  #file(mailbox: ModelMailbox, what: { bits: number; keywords: string; octets: number; internalDateMs: number; threadKeys: string[] }): number {
    this.modseq += 1
    const shared = what.threadKeys.flatMap((key) => this.threads.get(key) ?? [])
    const thread = Math.min(this.sequence, ...shared)
    for (const key of what.threadKeys) if (!this.threads.has(key)) this.threads.set(key, thread)
    this.threadOf.set(this.sequence, thread)
    return this.#place(mailbox, { ...what, message: this.sequence, group: null })
  }
}

function ok(result: unknown): Outcome<unknown> {
  return { end: 'done', result }
}
function no(code: ChangeRefusal): Outcome<unknown> {
  return { end: 'refused', code, reason: '' }
}
