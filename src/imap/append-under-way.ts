// APPEND while its message streams in (RFC 3501 §6.3.11; RFC 4315 APPENDUID; RFC 3516 literal8; RFC 6855 UTF8).
// A message within `large_message_octets` is gathered in memory within the thread's budget; a larger one goes to
// a file of its own as it comes, so that nothing ever holds it whole. Refused before "+" whenever the reason is
// known by then. Multi-message APPEND is refused: several records cannot be one step.
import { createHash } from 'node:crypto'
import { latin1Of } from '../base/bytes.ts'
import { Outage } from '../base/errors.ts'
import { errorSentence } from '../base/errors.ts'
import { bodyStructureOf } from '../message/bodystructure.ts'
import { StructureScanner } from '../message/structure.ts'
import { summarize, summarizeHeader } from '../message/summary.ts'
import { headerEndOf } from '../message/headers.ts'
import type { BodyDraft, LargeWriter, MailboxRow, MessageFacts } from '../store/store.ts'
import { keywordList } from '../store/store.ts'
import { tagOf } from '../wire/imap/framer.ts'
import type { FrameEvent } from '../wire/imap/framer.ts'
import type { AppendMessageHead } from '../wire/imap/command.ts'
import { parseAppendEnd, parseAppendHead } from '../wire/imap/parse-append.ts'
import { bad, no, ok } from './answer.ts'
import type { Answer } from './answer.ts'
import type { Conversation } from './conversation.ts'
import { readFlags } from './flags-text.ts'
import { tooManyKeywordsFor } from './keyword-room.ts'
import { refusal } from './refusal.ts'
import { submitChange } from './submit-change.ts'

type AppendEvent = Extract<FrameEvent, { event: 'append' }>

export class AppendUnderWay {
  tag = '*'
  readonly #talk: Conversation
  #refused: Answer | undefined
  #failed: unknown
  #target: MailboxRow | undefined
  #head: AppendMessageHead | undefined
  #draft: Draft | undefined
  #done: { body: BodyDraft; facts: MessageFacts } | undefined

  constructor(talk: Conversation) {
    this.#talk = talk
  }

  /** The announcement of a message: may it come? */
  async begin(event: AppendEvent): Promise<boolean> {
    if (!event.first) {
      this.#refused ??= bad('one message at a time')
      await this.#drop()
      return false
    }
    this.tag = tagOf(event.head) ?? '*'
    try {
      this.#refused = await this.#judge(event)
    } catch (error) {
      this.#failed = error
    }
    if (this.#refused || this.#failed !== undefined) return false
    this.#draft = await Draft.begin(this.#talk, event.sizeOctets).catch((error: unknown) => {
      this.#failed = error
      return undefined
    })
    return this.#draft !== undefined
  }

  async #judge(event: AppendEvent): Promise<Answer | undefined> {
    const { state, services, enabled } = this.#talk
    if (state.at !== 'authenticated' && state.at !== 'selected') return bad('log in first')
    const head = parseAppendHead(event.head, { utf8: enabled.utf8 })
    if (!head.ok) return head.code === 'mailbox-name' ? no(head.reason, 'CANNOT') : bad(head.reason)
    const { message, mailbox } = head.value
    const flags = readFlags(message.flags)
    if (flags.unknown !== undefined) return bad(`${flags.unknown} is not a flag that can be set`)
    if (keywordList(flags.keywords).length > services.limits.keywords_max) return no('too many keywords', 'LIMIT')
    if (event.sizeOctets > services.limits.message_octets_max) return no('the message is too large', 'TOOBIG')
    if (event.sizeOctets === 0) return no('a message without octets')
    const target = await state.user.reader.mailboxByName(mailbox)
    if (!target || !target.selectable) return no('there is no such mailbox', 'TRYCREATE')
    const admission = services.store.admission(event.sizeOctets)
    if (!admission.admit) return no(admission.because === 'disk-full' ? 'the disk is full' : 'not at the moment, try again later', 'UNAVAILABLE')
    if (!(await services.store.ready(state.user.account))) return no('the mailbox is not ready, try again later', 'UNAVAILABLE')
    const quota = await state.user.reader.quota()
    if (quota.octetsMax !== null && quota.octetsUsed + event.sizeOctets > quota.octetsMax) return no('the mailbox is full', 'OVERQUOTA')
    if (await tooManyKeywordsFor(services, { account: state.user.account, mailbox: target.mailbox }, keywordList(flags.keywords))) return no('the mailbox has too many keywords', 'LIMIT')
    this.#target = target
    this.#head = message
    return undefined
  }

  async chunk(bytes: Uint8Array): Promise<void> {
    if (!this.#draft) return
    try {
      await this.#draft.write(bytes)
    } catch (error) {
      this.#failed = error
      await this.#drop()
    }
  }

  async messageEnd(): Promise<void> {
    if (!this.#draft) return
    try {
      this.#done = await this.#draft.finish()
    } catch (error) {
      this.#failed = error
      await this.#drop()
    }
  }

  /** The command's line is over; `rest` is what stood behind the message, undefined if a message was refused. Throws what failed. */
  async end(rest: Uint8Array | undefined): Promise<Answer> {
    try {
      if (this.#failed !== undefined) throw this.#failed
      if (this.#refused) return this.#refused
      const { state, services } = this.#talk
      if (!this.#done || !this.#target || !this.#head || rest === undefined || state.at === 'not-authenticated' || state.at === 'logout') return bad('no message')
      const end = parseAppendEnd(rest, this.#head.utf8)
      if (!end.ok) return bad(end.reason)
      const { bits, keywords } = readFlags(this.#head.flags)
      const { body, facts } = this.#done
      this.#draft?.handedOver()
      const outcome = await submitChange(services, state.user.account, {
        kind: 'append', mailbox: this.#target.mailbox, bits, keywords, internalDateMs: this.#head.date?.atMs ?? services.clock.nowMs(), facts,
      }, body)
      if (outcome.end === 'refused') return refusal(outcome, 'TRYCREATE')
      // If it went into the mailbox in use, the client hears of it before the OK (RFC 3501 §6.3.11).
      if (state.at === 'selected' && state.selected.shared.view.mailbox === this.#target.mailbox) await state.selected.shared.seeOwnChange()
      return ok('kept', `APPENDUID ${outcome.result.uidValidity} ${outcome.result.uid}`)
    } finally {
      await this.#drop()
    }
  }

  async #drop(): Promise<void> {
    const draft = this.#draft
    this.#draft = undefined
    await draft?.abort()
  }

  /** The client went away in the middle. */
  abort(): Promise<void> {
    return this.#drop()
  }
}

/** A message on its way in: bytes and what must be known of them. */
class Draft {
  readonly #talk: Conversation
  readonly #size: number
  readonly #memory: Uint8Array | undefined
  #at = 0
  readonly #writer: LargeWriter | undefined
  readonly #scanner: StructureScanner | undefined
  /** The beginning of a large message, for its header. */
  readonly #head: Uint8Array[] = []
  #headOctets = 0
  #reserved: number
  #open = true

  private constructor(talk: Conversation, size: number, inMemory: boolean) {
    this.#talk = talk
    this.#size = size
    this.#reserved = inMemory ? size : 0
    if (inMemory) this.#memory = new Uint8Array(size)
    else {
      this.#writer = talk.services.store.largeWriter()
      this.#scanner = new StructureScanner({ limits: talk.services.limits })
    }
  }

  static async begin(talk: Conversation, size: number): Promise<Draft> {
    const { limits, memory } = talk.services
    const inMemory = size <= limits.large_message_octets && memory.reserve(size)
    return new Draft(talk, size, inMemory)
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#memory) {
      this.#memory.set(bytes, this.#at)
      this.#at += bytes.length
      return
    }
    this.#at += bytes.length
    const wanted = this.#talk.services.limits.header_octets_max - this.#headOctets
    if (wanted > 0) {
      const head = bytes.slice(0, wanted)
      this.#head.push(head)
      this.#headOctets += head.length
    }
    const admission = this.#talk.services.store.admission(0)
    // Many at once may each have been small enough when they were announced.
    if (!admission.admit && admission.because === 'disk-full') throw new Outage('the disk is nearly full', { operation: 'write', code: 'ENOSPC', hint: 'make room on the disk of the data directory' })
    this.#scanner!.push(bytes)
    await this.#writer!.write(bytes)
  }

  async finish(): Promise<{ body: BodyDraft; facts: MessageFacts }> {
    if (this.#at !== this.#size) throw new RangeError('the message is not complete')
    if (this.#memory) {
      const { envelope, structure, messageId, threadKeys } = summarize(this.#memory, this.#talk.services.limits)
      const sha256 = new Uint8Array(createHash('sha256').update(this.#memory).digest())
      return {
        body: { at: 'memory', bytes: this.#memory, sha256 },
        facts: { size: this.#size, envelope: latin1Of(envelope), structure: latin1Of(structure), threadKeys, ...(messageId ? { messageId: bare(messageId) } : {}) },
      }
    }
    const head = Buffer.concat(this.#head)
    const { envelope, messageId, threadKeys } = summarizeHeader(head.subarray(0, headerEndOf(head)))
    const structure = bodyStructureOf(this.#scanner!.end())
    return {
      body: await this.#writer!.finish(),
      facts: { size: this.#size, envelope: latin1Of(envelope), structure: latin1Of(structure), threadKeys, ...(messageId ? { messageId: bare(messageId) } : {}) },
    }
  }

  /** The store has it: a file that was finished is no longer ours to remove. */
  handedOver(): void {
    this.#open = false
    this.#release()
  }

  #release(): void {
    this.#talk.services.memory.release(this.#reserved)
    this.#reserved = 0
  }

  async abort(): Promise<void> {
    this.#release()
    if (!this.#open) return
    this.#open = false
    // The answer does not hang on it; a file that stays behind is nobody's and goes with a later start.
    await this.#writer?.abort().catch((error: unknown) => this.#talk.services.log.warn('an unfinished message could not be removed', { error: errorSentence(error) }))
  }
}

/** Without angle brackets. */
function bare(messageId: string): string {
  return messageId.startsWith('<') && messageId.endsWith('>') ? messageId.slice(1, -1) : messageId
}

