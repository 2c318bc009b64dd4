// One message that an understudy took, made an ordinary arrival: planned by the directory of now, with the time at
// which it came. It was answered 250 long ago, so nothing in here refuses: who has no mailbox any more is looked
// for at the postmaster of the domain, and last in the queue, which tells the sender.
import type { Clock } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import type { Random } from '../base/random.ts'
import { createMemoryBudget, type MemoryBudget } from '../guard/guard.ts'
import { INTAKE, type AccountId, type ArrivalMeta, type BodyDraft, type Directory, type LargeWriter, type Sequence } from '../store/store.ts'
import { draftArrival } from './arrival.ts'
import { BodyCollector } from './body-collector.ts'
import type { Envelope, EnvelopeRecipient, Peer } from './envelope.ts'
import { resolveRecipient, type DeliveryRules } from './resolve-recipient.ts'
import type { TakenMeta, TakenRecipient } from './taken.ts'

export interface AdoptTools {
  directory: Directory
  largeWriter(): LargeWriter
  clock: Clock
  random: Random
  limits: Limits
  hostname: string
  delivery: DeliveryRules
}

/** A message in the intake journal. */
export interface TakenMessage {
  meta: TakenMeta
  /** Number of that journal; see `journalNumber`. */
  journal: number
  sequence: number
  takenMs: number
  body: { readonly length: number; read(offset: number, length: number): Uint8Array }
}

export interface Adoptable {
  arrival: ArrivalMeta
  draft: BodyDraft
}

const PIECE_OCTETS = 256 * 1024

/** Of the sixteen random octets of a journal's id, as many as fit into an exact number. */
export function journalNumber(journalId: Uint8Array): number {
  return Buffer.from(journalId.buffer, journalId.byteOffset, journalId.byteLength).readUIntLE(0, 6)
}

export async function draftAdoption(message: TakenMessage, tools: AdoptTools): Promise<Adoptable> {
  // What was taken is not measured again: no limit on hops or header can turn it away now.
  const limits: Limits = { ...tools.limits, received_lines_max: Infinity, header_octets_max: Infinity }
  const budget: MemoryBudget = createMemoryBudget(limits.large_message_octets)
  const body = new BodyCollector({ budget, limits, largeWriter: tools.largeWriter, hasRoom: () => true })
  try {
    for (let at = 0; at < message.body.length; at += PIECE_OCTETS) {
      // A view of what is read next: kept, so copied.
      body.add(message.body.read(at, Math.min(PIECE_OCTETS, message.body.length - at)).slice())
      if (body.failure !== undefined) throw body.failure
      await body.relieved()
    }
    const drafted = await draftArrival(peerOf(message.meta), envelopeOf(message.meta, tools), body, {
      directory: tools.directory, random: tools.random, limits, hostname: tools.hostname, delivery: tools.delivery, receivedShowsClient: true,
      clock: { ...tools.clock, nowMs: () => message.takenMs },
      traceId: () => message.meta.traceId,
    })
    if (!drafted.ok) throw new Error(`what was taken was refused: ${drafted.reply.code}`)
    return {
      arrival: { ...drafted.meta, receivedMs: message.takenMs, origin: { database: INTAKE, position: message.journal as Sequence, n: message.sequence } },
      draft: drafted.draft,
    }
  } catch (error) {
    await body.abort().catch(() => {})
    throw error
  }
}

function peerOf(meta: TakenMeta): Peer {
  return {
    via: 'smtp', address: meta.peer, helo: meta.helo, isExtended: meta.extended === true, submitter: undefined,
    tls: meta.tls ? `${meta.tls.protocol} ${meta.tls.cipher}` : undefined,
  }
}

function envelopeOf(meta: TakenMeta, tools: AdoptTools): Envelope {
  return {
    sender: {
      address: meta.sender,
      parameters: {
        ...(meta.smtputf8 ? { smtputf8: true } : {}), ...(meta.bodyType ? { body: meta.bodyType } : {}),
        ...(meta.ret ? { ret: meta.ret } : {}), ...(meta.envid === undefined ? {} : { envid: meta.envid }),
      },
    },
    recipients: meta.recipients.map((recipient) => recipientOf(recipient, tools)),
  }
}

function recipientOf({ address, notify, orcpt }: TakenRecipient, { directory, delivery }: AdoptTools): EnvelopeRecipient {
  const parameters = { ...(notify === undefined ? {} : { notify }), ...(orcpt === undefined ? {} : { orcpt }) }
  const goes = (accounts: readonly AccountId[], outside: readonly string[]): EnvelopeRecipient => ({ address, parameters, accounts, outside })
  const found = resolveRecipient(address, directory, delivery)
  if (found.end === 'found') return goes(found.accounts, found.outside)
  // A domain that has moved away meanwhile: on to where it is now.
  if (found.end === 'elsewhere') return goes([], [address])
  const postmaster = resolveRecipient(`postmaster${address.slice(address.lastIndexOf('@'))}`, directory, delivery)
  if (postmaster.end === 'found') return goes(postmaster.accounts, postmaster.outside)
  return goes([], [address])
}
