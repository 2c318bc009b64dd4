// May this sender and this recipient be? Answers for MAIL and RCPT, from memory alone. Pure over the
// directory, the limits and the store's admission; the words of each refusal stand here and nowhere else.
import type { Clock } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import { pauseOf, pauseWords } from '../guard/guard.ts'
import { addressKey, type AccountId, type Directory, type Store } from '../store/store.ts'
import { addressOf, type Mailbox } from '../wire/smtp/path.ts'
import { reply, type Reply } from '../wire/smtp/reply.ts'
import type { EnvelopeRecipient, EnvelopeSender, MailParameters, Peer, RcptParameters } from './envelope.ts'
import { resolveRecipient, type DeliveryRules } from './resolve-recipient.ts'

export type Judged<T> = { take: true; value: T } | { take: false; reply: Reply }

export interface JudgeTools {
  store: Pick<Store, 'directory' | 'admission'>
  limits: Limits
  delivery: DeliveryRules
  clock: Clock
  pressure?: { isHardPressed(): boolean }
}

const needsUtf8 = reply(553, '5.6.7', 'this address needs SMTPUTF8')
const tooLarge = reply(552, '5.3.4', 'the message is larger than this server takes')
const noRelay = reply(550, '5.7.1', 'relaying denied: this server takes no mail for that domain')
const unknownUser = reply(550, '5.1.1', 'there is no such user here')
/** An account, alias or domain that was made a moment ago must not be refused for good. */
const notYetRead = reply(451, '4.3.0', 'the list of addresses is being read, try again in a moment')
const aliasLoop = reply(451, '4.3.5', 'this address leads to itself; the administrator has to mend it')
const mailboxFull = reply(452, '4.2.2', 'the mailbox is full')
const notAnyMore = reply(550, '5.7.13', 'this account is suspended') // RFC 5248
const notYours = reply(553, '5.7.1', 'this sender address does not belong to the account that is logged in')

export const refusals = {
  'disk-full': reply(452, '4.3.1', 'not enough room at the moment, try again later'),
  'no-descriptors': reply(451, '4.3.0', 'no file descriptor is left on this side, try again later'),
  lag: reply(451, '4.3.2', 'too much to do at the moment, try again later'),
  stopping: reply(451, '4.3.2', 'the server goes away for a moment, try again soon'),
} as const

const refused = (answer: Reply): { take: false; reply: Reply } => ({ take: false, reply: answer })

export function judgeSender(peer: Peer, sender: Mailbox | undefined, parameters: MailParameters, tools: JudgeTools): Judged<EnvelopeSender> {
  if (sender && !sender.ascii && !parameters.smtputf8) return refused(needsUtf8)
  const declared = parameters.size ?? 0
  if (declared > tools.limits.message_octets_max) return refused(tooLarge)
  const address = sender ? addressOf(sender) : ''
  if (peer.submitter && mayNotAnyMore(peer.submitter.account, tools.store.directory)) return refused(notAnyMore)
  if (peer.submitter && address !== '' && !mayUseAddress(peer.submitter.account, address, tools.store.directory, tools.delivery)) return refused(notYours)
  const putOff = judgeMoment(peer, declared, tools)
  return putOff ? refused(putOff) : { take: true, value: { address, parameters } }
}

/**
 * Why no message of this peer's is taken at this moment; undefined when one is. Asked at MAIL, and again when the
 * message itself is about to come: that may be minutes later, and its octets are what costs.
 */
export function judgeMoment(peer: Peer, octets: number, tools: JudgeTools): Reply | undefined {
  const paused = pauseOf(tools.store.directory, peer.submitter ? 'submission' : 'smtp-in', tools.clock.nowMs())
  if (paused) return reply(451, '4.3.2', pauseWords(paused))
  const admission = tools.store.admission(octets)
  if (!admission.admit) return refusals[admission.because]
  return !peer.submitter && tools.pressure?.isHardPressed() ? refusals.lag : undefined
}

export function judgeRecipient(peer: Peer, sender: EnvelopeSender, recipient: Mailbox, parameters: RcptParameters, tools: JudgeTools): Judged<EnvelopeRecipient> {
  if (!recipient.ascii && !sender.parameters.smtputf8) return refused(needsUtf8)
  const { directory } = tools.store
  const address = addressOf(recipient)
  const found = resolveRecipient(address, directory, tools.delivery)
  if (!directory.isCurrent && (found.end === 'unknown-user' || found.end === 'elsewhere')) return refused(notYetRead)
  switch (found.end) {
    case 'elsewhere':
      return peer.submitter ? { take: true, value: { address, parameters, accounts: [], outside: [address] } } : refused(noRelay)
    case 'unknown-user':
      return refused(unknownUser)
    case 'alias-loop':
      return refused(aliasLoop)
    case 'found': {
      // One full mailbox behind an alias must not keep the mail from all the others: it is filed there too.
      const size = sender.parameters.size ?? 0
      if (found.outside.length === 0 && found.accounts.every((account) => isFull(account, size, directory))) return refused(mailboxFull)
      return { take: true, value: { address, parameters, accounts: found.accounts, outside: found.outside } }
    }
  }
}

/** A session may last for hours; what an operator has decided meanwhile counts. */
function mayNotAnyMore(account: AccountId, directory: Directory): boolean {
  return directory.account(account)?.suspended !== false
}

function isFull(account: AccountId, octets: number, directory: Directory): boolean {
  const octetsMax = directory.account(account)?.octetsMax ?? null
  if (octetsMax === null) return false
  const used = directory.octetsUsed(account)
  return used + octets > octetsMax || used >= octetsMax
}

/** Its own address, with or without a tag, and every alias that leads to it. */
export function mayUseAddress(account: AccountId, address: string, directory: Directory, rules: DeliveryRules): boolean {
  if (directory.accountByKey(addressKey(address))?.account === account) return true
  const found = resolveRecipient(address, directory, rules)
  return found.end === 'found' && found.accounts.includes(account)
}
