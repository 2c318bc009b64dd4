// The views of one thread: each mailbox at most once, loaded when the first session looks, brought up to
// date when the store's notice says that its account has moved on, kept a while after the last session left.
//
// `refresh` promises: what was applied before it was called is in the view when it resolves. It reads in
// pages and holds nothing in between.
import { Outage } from '../base/errors.ts'
import type { AccountId, AccountReader, MailboxId, MailboxRow, Store } from '../store/store.ts'
import { MailboxView } from './mailbox-view.ts'
import { SequenceTracker } from './sequence-tracker.ts'

/** Rows a read gives at most. */
const PAGE_ROWS = 2000
/** From so many changed rows on, reading everything is no dearer. */
const CHANGES_MAX = 2000
/** Messages in views that nobody looks at. */
const UNWATCHED_MESSAGES_MAX = 2_000_000
const UNWATCHED_VIEWS_MAX = 256
/** Accounts remembered for \Recent; one that was forgotten begins anew. */
const ACCOUNTS_MAX = 10_000

export class SharedView {
  readonly account: AccountId
  readonly view: MailboxView
  readonly #reader: AccountReader
  /** The mailbox is there, but what sessions know of it no longer counts: they have to open it again. */
  isReplaced = false
  #stale = false
  #running: Promise<void> | undefined
  readonly #listeners = new Set<() => void>()

  constructor(account: AccountId, reader: AccountReader, view: MailboxView) {
    this.account = account
    this.#reader = reader
    this.view = view
  }

  /** The account has moved on: the next `refresh` reads. */
  markStale(): void {
    this.#stale = true
    for (const listener of this.#listeners) listener()
  }

  /** Calls back whenever the view may have become stale. */
  onStale(call: () => void): () => void {
    this.#listeners.add(call)
    return () => this.#listeners.delete(call)
  }

  async refresh(): Promise<void> {
    while (this.#running) await this.#running.catch(() => undefined)
    if (!this.#stale) return
    this.#stale = false
    this.#running = this.#catchUp()
    try {
      await this.#running
    } catch (error) {
      this.#stale = true
      throw error
    } finally {
      this.#running = undefined
    }
  }

  /** Reads even if no notice has come yet. */
  async refreshNow(): Promise<void> {
    this.#stale = true
    await this.refresh()
  }

  /**
   * After a change of our own, which is durable and answered OK whether or not the view can be read now: what
   * could not be read is told with a later command.
   */
  async seeOwnChange(): Promise<void> {
    await this.refreshNow().catch(() => undefined)
  }

  async #catchUp(): Promise<void> {
    const { view } = this
    if (view.deleted) return
    const changes = await this.#reader.changesSince(view.mailbox, view.highestModseq, CHANGES_MAX)
    if (changes.mailbox && isAnother(view, changes.mailbox)) {
      this.isReplaced = true
      view.apply({ mailbox: undefined, rows: [], expunged: [] })
      return
    }
    if (!changes.truncated) {
      view.apply(changes)
      return
    }
    // Too much has changed for one page: read every row, then what moved while we read.
    const from = await this.#reader.mailbox(view.mailbox)
    if (!from) {
      view.apply({ mailbox: undefined, rows: [], expunged: [] })
      return
    }
    const gone = new Set<number>()
    for (let index = 0; index < view.count; index += 1) gone.add(view.uidAt(index))
    const pages = []
    for (let after = 0; ;) {
      const rows = await this.#reader.viewPage(view.mailbox, after, PAGE_ROWS)
      if (rows.length === 0) break
      for (const row of rows) gone.delete(row.uid)
      pages.push(rows)
      after = rows.at(-1)!.uid
      if (rows.length < PAGE_ROWS) break
    }
    view.apply({ mailbox: from, rows: pages.flat(), expunged: [...gone] })
    // A message that came after its page was read, or left before: the log since `from` tells.
    const later = await this.#reader.changesSince(view.mailbox, from.highestModseq, CHANGES_MAX)
    if (later.truncated) this.#stale = true // never set back here: a notice may have come meanwhile
    else view.apply(later)
  }
}

/** UIDVALIDITY was raised, or the database is an older one: what sessions know no longer counts (STORE.md, Applying 7). */
function isAnother(view: MailboxView, row: MailboxRow): boolean {
  return row.uidValidity !== view.uidValidity || row.highestModseq < view.highestModseq
}

export class ViewKeeper {
  readonly #store: Pick<Store, 'account' | 'onNotice'>
  readonly #stopNotices: () => void
  readonly #accounts = new Map<AccountId, AccountViews>()
  /** Views without sessions, the longest unwatched first. */
  readonly #unwatched = new Set<SharedView>()

  constructor(store: Pick<Store, 'account' | 'onNotice'>) {
    this.#store = store
    this.#stopNotices = store.onNotice('all', (database) => this.touch(database as AccountId))
  }

  /** The account has moved on, or may have. */
  touch(account: AccountId): void {
    const known = this.#accounts.get(account)
    if (known) for (const shared of known.views.values()) shared.markStale()
  }

  close(): void {
    this.#stopNotices()
    this.#accounts.clear()
  }

  /** Remembers where each mailbox stands when its account is first seen, so that later mail is \Recent. */
  async meet(account: AccountId): Promise<void> {
    const known = this.#accounts.get(account)
    if (known) return known.met
    const views: AccountViews = { views: new Map(), loading: new Map(), recentThrough: new Map(), met: Promise.resolve() }
    this.#accounts.set(account, views)
    for (const [oldest, known] of this.#accounts) {
      if (this.#accounts.size <= ACCOUNTS_MAX) break
      if (oldest !== account && known.views.size === 0 && known.loading.size === 0) this.#accounts.delete(oldest)
    }
    views.met = this.#store.account(account).mailboxes().then(
      (rows) => {
        for (const row of rows) views.recentThrough.set(row.mailbox, row.uidNext - 1)
      },
      (error: unknown) => {
        this.#accounts.delete(account)
        throw error
      },
    )
    return views.met
  }

  /** Messages of a mailbox that no session has been told of, as far as this thread knows. */
  recentThrough(account: AccountId, mailbox: MailboxId): number {
    const known = this.#accounts.get(account)
    return known?.views.get(mailbox)?.view.recentThrough ?? known?.recentThrough.get(mailbox) ?? 0
  }

  /** The view of a mailbox, up to date, with a session's own map of it. undefined: there is no such mailbox. */
  async open(account: AccountId, mailbox: MailboxId, options: { readOnly: boolean }): Promise<{ shared: SharedView; tracker: SequenceTracker } | undefined> {
    for (;;) {
      await this.meet(account)
      const shared = await this.#shared(account, mailbox)
      if (!shared) return undefined
      await shared.refresh()
      if (shared.view.deleted) {
        // Gone, or there again under another UIDVALIDITY: loading anew tells.
        this.#forget(shared)
        continue
      }
      // Forgotten while we waited: it would hear no more notices.
      if (this.#accounts.get(account)?.views.get(mailbox) !== shared) continue
      this.#unwatched.delete(shared)
      return { shared, tracker: new SequenceTracker(shared.view, options) }
    }
  }

  /** The session leaves. */
  leave(shared: SharedView, tracker: SequenceTracker): void {
    tracker.close()
    if (shared.view.trackersCount > 0) return
    if (shared.view.deleted) {
      this.#forget(shared)
      return
    }
    this.#unwatched.delete(shared)
    this.#unwatched.add(shared)
    let messages = 0
    for (const other of this.#unwatched) messages += other.view.count
    for (const oldest of this.#unwatched) {
      if (messages <= UNWATCHED_MESSAGES_MAX && this.#unwatched.size <= UNWATCHED_VIEWS_MAX) break
      messages -= oldest.view.count
      this.#forget(oldest)
    }
  }

  #forget(shared: SharedView): void {
    this.#unwatched.delete(shared)
    const account = this.#accounts.get(shared.account)
    if (account?.views.get(shared.view.mailbox) !== shared) return
    account.views.delete(shared.view.mailbox)
    account.recentThrough.set(shared.view.mailbox, shared.view.recentThrough)
  }

  async #shared(account: AccountId, mailbox: MailboxId): Promise<SharedView | undefined> {
    const known = this.#accounts.get(account)
    if (!known) throw new Outage('the account was not met', { operation: 'open view' })
    const there = known.views.get(mailbox)
    if (there) return there
    const underWay = known.loading.get(mailbox)
    if (underWay) return underWay
    const loading = this.#load(account, mailbox, known).finally(() => known.loading.delete(mailbox))
    known.loading.set(mailbox, loading)
    return loading
  }

  async #load(account: AccountId, mailbox: MailboxId, known: AccountViews): Promise<SharedView | undefined> {
    const reader = this.#store.account(account)
    const row = await reader.mailbox(mailbox)
    if (!row) return undefined
    const view = new MailboxView(row, known.recentThrough.get(mailbox) ?? 0)
    const shared = new SharedView(account, reader, view)
    // Rows are read page by page and may be newer than `row`; what left meanwhile stands in the log since `row`.
    for (let after = 0; ;) {
      const rows = await reader.viewPage(mailbox, after, PAGE_ROWS)
      view.load(rows)
      if (rows.length < PAGE_ROWS) break
      after = rows.at(-1)!.uid
    }
    known.views.set(mailbox, shared)
    shared.markStale()
    return shared
  }
}

interface AccountViews {
  readonly views: Map<MailboxId, SharedView>
  readonly loading: Map<MailboxId, Promise<SharedView | undefined>>
  readonly recentThrough: Map<MailboxId, number>
  met: Promise<void>
}
