// What people call "the mail": five services, and how each of them is, judged from what the supervisor sees. Pure.
import { type Text, text } from '../base/language.ts'

/** In the order in which they are shown. */
export const serviceNames = ['smtp', 'submission', 'imap', 'queue', 'storage'] as const
export type ServiceName = (typeof serviceNames)[number]

export const serviceTitles: { readonly [name in ServiceName]: Text } = {
  smtp: text('Receiving mail', 'メールの受信（外から届くメール）'),
  submission: text('Sending mail', 'メールの送信（利用者から）'),
  imap: text('Reading mail', 'メールを読む'),
  queue: text('Outgoing delivery', '外への配送'),
  storage: text('Storage', '保管'),
}

export type ServiceLevel = 'up' | 'degraded' | 'down' | 'maintenance'
export const serviceLevels: readonly ServiceLevel[] = ['up', 'degraded', 'down', 'maintenance']

export interface ServiceState {
  readonly level: ServiceLevel
  /** One sentence for users of the mail; undefined while it is up. */
  readonly because: Text | undefined
}
export type ServiceStates = { readonly [name in ServiceName]: ServiceState }

/** What the supervisor sees. */
export interface HealthFacts {
  readonly server: 'running' | 'starting' | 'restarting' | 'hung' | 'down'
  readonly understudy: 'off' | 'starting' | 'taking' | 'deferring'
  /** Threads that do not turn, of a server that runs. */
  readonly frontsDown: readonly ('taking' | 'reading' | 'queue')[]
  /** What an operator has asked to wait. */
  readonly paused: readonly ('smtp' | 'submission' | 'queue')[]
  /** Why the server puts new mail off; null while it takes it. */
  readonly refusing: 'disk-full' | 'lag' | 'overload' | 'other' | null
  readonly mirrorsMissing: number
  /** Accounts whose database is being made again. */
  readonly accountsInTrouble: number
  /** The journal cannot be written (or could not, when the server ended). */
  readonly journalFailed: boolean
  /** A maintenance window runs. */
  readonly maintenance: 'take' | 'defer' | undefined
}

export const allIsWell: HealthFacts = {
  server: 'running', understudy: 'off', frontsDown: [], paused: [], refusing: null, mirrorsMissing: 0, accountsInTrouble: 0, journalFailed: false, maintenance: undefined,
}

const up: ServiceState = { level: 'up', because: undefined }
const state = (level: ServiceLevel, en: string, ja: string): ServiceState => ({ level, because: text(en, ja) })

export function serviceStates(facts: HealthFacts): ServiceStates {
  return { smtp: smtp(facts), submission: submission(facts), imap: imap(facts), queue: queue(facts), storage: storage(facts) }
}

const isServing = (facts: HealthFacts): boolean => facts.server === 'running' || facts.server === 'restarting'

function smtp(facts: HealthFacts): ServiceState {
  if (isServing(facts)) {
    if (facts.frontsDown.includes('taking')) return state('degraded', 'This part is being started again; mail waits for a moment.', 'この部分を再起動しています。メールは少しの間待ちます。')
    if (facts.paused.includes('smtp')) return state('degraded', 'New mail from outside is put off while an operator looks. Senders try again by themselves.', '管理者が確認する間、外からのメールの受け取りを後に延ばしています。送信側が自動で再送します。')
    if (facts.refusing === 'disk-full') return state('down', 'There is no room for new mail at the moment. Senders try again by themselves.', '新しいメールを置く場所がありません。送信側が自動で再送します。')
    if (facts.refusing !== null) return state('degraded', 'More mail comes in than can be taken; some senders are asked to try again a little later.', '受け取れる量を超えるメールが届いています。一部の送信側に、少し後の再送を求めています。')
    return up
  }
  if (facts.understudy === 'taking') {
    const because = text('Mail is taken and safe; it is delivered a little later.', 'メールは受け取られ、安全に保管されています。配達は少し後になります。')
    return { level: facts.maintenance ? 'maintenance' : 'degraded', because }
  }
  if (facts.understudy === 'deferring') {
    const because = text('Senders are asked to try again later; they do so by themselves.', '送信側に後での再送を求めています。再送は自動で行われます。')
    return { level: facts.maintenance ? 'maintenance' : 'down', because }
  }
  if (facts.maintenance) return state('maintenance', 'Planned maintenance is under way.', '計画されたメンテナンスの作業中です。')
  if (facts.server === 'starting' || facts.understudy === 'starting') return starting
  return state('down', 'Mail cannot be taken at the moment. Senders try again by themselves; nothing is lost.', '今はメールを受け取れません。送信側が自動で再送するので、失われることはありません。')
}

const starting = state('degraded', 'It is being started; connections wait for a moment.', '起動しています。接続は少しの間待たされます。')

/** What needs the server itself. */
function ofServer(facts: HealthFacts): ServiceState | undefined {
  if (isServing(facts)) return undefined
  if (facts.maintenance) return state('maintenance', 'Planned maintenance is under way.', '計画されたメンテナンスの作業中です。')
  if (facts.server === 'starting' && facts.understudy === 'off') return starting
  return state('down', 'The server is being brought back. What is stored is safe.', 'サーバーを復旧しています。保管されているメールは安全です。')
}

function submission(facts: HealthFacts): ServiceState {
  const missing = ofServer(facts)
  if (missing) return missing
  if (facts.frontsDown.includes('taking')) return state('degraded', 'This part is being started again; sending waits for a moment.', 'この部分を再起動しています。送信は少しの間待ちます。')
  if (facts.paused.includes('submission')) return state('down', 'Sending is paused by an operator. Keep the message in the outbox and send it later.', '管理者が送信を一時停止しています。メールは送信箱に残し、後で送ってください。')
  if (facts.refusing === 'disk-full') return state('down', 'There is no room for new mail at the moment. Please send again later.', '新しいメールを置く場所がありません。後でもう一度送ってください。')
  if (facts.refusing === 'other') return state('degraded', 'Sending is put off for a moment.', '送信を少し後に延ばしています。')
  return up
}

function imap(facts: HealthFacts): ServiceState {
  const missing = ofServer(facts)
  if (missing) return missing
  if (facts.frontsDown.includes('reading')) return state('degraded', 'This part is being started again; mail programs connect again by themselves.', 'この部分を再起動しています。メールソフトは自動でつなぎ直します。')
  if (facts.accountsInTrouble > 0) {
    const [en, ja] = facts.accountsInTrouble === 1 ? ['One mailbox is', '一つのメールボックスを'] : [`${facts.accountsInTrouble} mailboxes are`, `${facts.accountsInTrouble} 個のメールボックスを`]
    return state('degraded', `${en} being made again and cannot be read for a while. New mail for them is kept.`, `${ja}作り直しており、しばらく読めません。新しいメールは保管されます。`)
  }
  return up
}

function queue(facts: HealthFacts): ServiceState {
  const missing = ofServer(facts)
  if (missing) return missing.level === 'down' ? state('down', 'Mail that waits to go out is kept and sent when the server is back.', '送信待ちのメールは保管され、復旧後に送られます。') : missing
  if (facts.frontsDown.includes('queue')) return state('degraded', 'This part is being started again.', 'この部分を再起動しています。')
  if (facts.paused.includes('queue')) return state('degraded', 'Outgoing mail is held by an operator for the moment.', '管理者が外へのメールを一時的に止めています。')
  return up
}

function storage(facts: HealthFacts): ServiceState {
  if (facts.journalFailed) return state('down', 'The storage cannot be written. What was confirmed is safe; nothing new is confirmed.', '保管場所に書き込めません。確認済みのものは安全です。新しいものは確認しません。')
  if (facts.refusing === 'disk-full') return state('degraded', 'The disk is full. Reading and deleting still work.', 'ディスクがいっぱいです。読むことと消すことはできます。')
  if (facts.mirrorsMissing > 0) return state('degraded', 'One of the copies is missing; everything is kept on the others.', '写しの一つが欠けています。すべては残りに保管されています。')
  if (facts.accountsInTrouble > 0) return state('degraded', 'A damaged database is being made again from the journal.', '壊れたデータベースをジャーナルから作り直しています。')
  return up
}

/** In order of how bad it is for those outside. */
const RANK: { readonly [level in ServiceLevel]: number } = { up: 0, maintenance: 1, degraded: 2, down: 3 }

export function worstLevel(levels: Iterable<ServiceLevel>): ServiceLevel {
  let worst: ServiceLevel = 'up'
  for (const level of levels) if (RANK[level] > RANK[worst]) worst = level
  return worst
}
