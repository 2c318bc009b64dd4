// FETCH and UID FETCH (RFC 3501 §6.4.5; RFC 7162 CHANGEDSINCE). Flags and UIDs come from the shared view and
// cost no read; the rest comes in pages of rows, with ENVELOPE and BODYSTRUCTURE as ready protocol text, and
// bodies by range. Nothing is held while a slow client drains. \Seen is set by one change for a page, while its
// rows are read, and shown with the bodies.
import { errorSentence } from '../../base/errors.ts'
import { bodyOf, bodyStructureOf } from '../../message/bodystructure.ts'
import { envelopeOf } from '../../message/envelope.ts'
import { ReplyUnknown, SEEN } from '../../store/store.ts'
import type { MessageRow } from '../../store/store.ts'
import type { Command } from '../../wire/imap/command.ts'
import { printDateTime } from '../../wire/imap/dates.ts'
import type { FetchItem } from '../../wire/imap/parse-fetch.ts'
import { rangesOf, runsOf } from '../../wire/imap/sequence-set.ts'
import type { Ranges } from '../../wire/imap/sequence-set.ts'
import { bad, no, ok } from '../answer.ts'
import type { Answer } from '../answer.ts'
import type { Conversation } from '../conversation.ts'
import { decodedPart, piecesOfSection, writePieces } from '../fetch-section.ts'
import { printFlags } from '../flags-text.ts'
import { MessageBytes } from '../message-bytes.ts'
import { piecesOf, sequencesOf, uidsOf } from '../message-set.ts'
import { PeerGone } from '../peer.ts'
import { plainBodyOf } from '../plain-body.ts'
import { changedSince, tellVanished } from '../resync.ts'
import type { SelectedMailbox } from '../session-state.ts'
import { FairShare } from '../turn.ts'
import { submitChange } from '../submit-change.ts'

/** Rows read at once, and the same when bodies go with them. */
const PAGE_ROWS = 250
const PAGE_BODIES = 100

type FetchCommand = Extract<Command, { name: 'FETCH' }>

interface Plan {
  readonly items: readonly FetchItem[]
  readonly needsRows: boolean
  readonly needsBodies: boolean
  readonly setsSeen: boolean
  readonly namesFlags: boolean
}

export async function fetch(talk: Conversation, selected: SelectedMailbox, command: FetchCommand): Promise<Answer> {
  const { tracker, shared: { view } } = selected
  const plan = planOf(talk, command, tracker.readOnly)
  if (typeof plan === 'string') return bad(plan)
  let ranges = sequencesOf(tracker, command.set, command.uid)
  if (!ranges) return bad('no such message')
  if (command.changedSince !== undefined) {
    if (command.vanished && talk.state.at === 'selected' && !command.set.saved) {
      await tellVanished(talk, talk.state.user, selected, rangesOf(command.set.pairs, Math.max(0, view.uidNext - 1)), command.changedSince)
    }
    ranges = changedSince(selected, ranges, command.changedSince)
  }
  if (!plan.needsRows) {
    await tellFromView(talk, selected, plan, ranges)
    return ok('done')
  }
  let unreadable = 0
  try {
    for (const page of piecesOf(ranges, plan.needsBodies ? PAGE_BODIES : PAGE_ROWS)) {
      const uids = uidsOf(tracker, page)
      const [rows] = await Promise.all([
        talk.state.at === 'selected' ? talk.state.user.reader.messages(view.mailbox, uids) : [],
        plan.setsSeen ? setSeen(talk, selected, page) : undefined,
      ])
      unreadable += await tellPage(talk, selected, plan, page, rows)
    }
  } catch (error) {
    if (error instanceof UnknownEncoding) return no('the transfer encoding of this part is not known', 'UNKNOWN-CTE') // RFC 3516 §4.3
    throw error
  }
  return unreadable > 0 ? no(`${unreadable} messages cannot be read at the moment`, 'UNAVAILABLE') : ok('done')
}

/** BINARY was asked of a part whose transfer encoding nobody knows. */
class UnknownEncoding extends Error {}

function planOf(talk: Conversation, command: FetchCommand, readOnly: boolean): Plan | string {
  const items: FetchItem[] = [...command.items]
  const names = (name: string) => items.some((item) => item.item === 'plain' && item.name === name)
  if (command.uid && !names('UID')) items.unshift({ item: 'plain', name: 'UID' }) // RFC 3501 §6.4.8
  if (command.vanished && !talk.enabled.qresync) return 'say ENABLE QRESYNC first'
  if (command.changedSince !== undefined && !names('MODSEQ')) items.push({ item: 'plain', name: 'MODSEQ' })
  if (names('MODSEQ')) talk.enableCondstore()
  let needsRows = false
  let needsBodies = false
  let setsSeen = false
  for (const item of items) {
    if (item.item !== 'plain') {
      needsRows = needsBodies = true
      if (item.item !== 'binary-size' && !item.peek) setsSeen = !readOnly
    } else if (item.name === 'PREVIEW') return 'PREVIEW is not offered'
    else if (item.name !== 'UID' && item.name !== 'FLAGS' && item.name !== 'MODSEQ') needsRows = true
  }
  return { items, needsRows, needsBodies, setsSeen, namesFlags: names('FLAGS') }
}

/** Nothing but UID, FLAGS and MODSEQ: no read at all. */
async function tellFromView(talk: Conversation, { tracker, shared: { view } }: SelectedMailbox, plan: Plan, ranges: Ranges): Promise<void> {
  const { out } = talk
  const texts = new Map<number, string>()
  const flagsText = (bits: number, keywords: number, recent: boolean) => {
    const key = keywords * 64 + bits * 2 + (recent ? 1 : 0)
    let text = texts.get(key)
    if (text === undefined) texts.set(key, text = `FLAGS (${printFlags(bits, view.keywordText(keywords), recent)})`)
    return text
  }
  const share = new FairShare(() => talk.services.clock.monotonicMs())
  for (let i = 0; i < ranges.length; i += 2) {
    for (let sequence = ranges[i]!; sequence <= ranges[i + 1]!; sequence += 1) {
      const place = tracker.placeOf(sequence)
      const message = place.here
        ? { uid: view.uidAt(place.index), bits: view.bitsAt(place.index), keywords: view.keywordsAt(place.index), modseq: view.modseqAt(place.index) }
        : place.held
      out.text('* ').number(sequence).text(' FETCH (')
      let first = true
      for (const item of plan.items) {
        if (!first) out.text(' ')
        first = false
        if (item.item !== 'plain') continue
        if (item.name === 'UID') out.text('UID ').number(message.uid)
        else if (item.name === 'FLAGS') {
          out.text(flagsText(message.bits, message.keywords, tracker.isRecent(message.uid)))
          if (place.here && tracker.hasUntoldFlags) tracker.said(message.uid, message.modseq)
        } else out.text('MODSEQ (').number(message.modseq).text(')')
      }
      out.text(')\r\n')
      if ((sequence & 255) === 0) {
        await talk.breathe()
        await share.pause()
      }
    }
  }
}

/** Marks what will be read as \Seen. If that is not possible now, reading goes on all the same. */
async function setSeen(talk: Conversation, selected: SelectedMailbox, page: Ranges): Promise<void> {
  const { tracker, shared } = selected
  const { view } = shared
  if (talk.state.at !== 'selected') return
  const unseen: number[] = []
  for (let i = 0; i < page.length; i += 2) {
    for (let sequence = page[i]!; sequence <= page[i + 1]!; sequence += 1) {
      const place = tracker.placeOf(sequence)
      if (place.here && (view.bitsAt(place.index) & SEEN) === 0) unseen.push(view.uidAt(place.index))
    }
  }
  if (unseen.length === 0) return
  try {
    await submitChange(talk.services, talk.state.user.account, {
      kind: 'store-flags', mailbox: view.mailbox, uids: runsOf(unseen), how: 'add', bits: SEEN, keywords: '',
    })
    await shared.seeOwnChange()
  } catch (error) {
    if (error instanceof ReplyUnknown) throw error
    talk.services.log.warn('\\Seen could not be set', { error: errorSentence(error) })
  }
}

/** @returns how many messages could not be read. */
async function tellPage(talk: Conversation, selected: SelectedMailbox, plan: Plan, page: Ranges, rows: readonly (MessageRow & { gone: boolean })[]): Promise<number> {
  const { tracker } = selected
  const share = new FairShare(() => talk.services.clock.monotonicMs())
  const cached: { message: MessageRow['message']; envelope?: Uint8Array; structure?: Uint8Array }[] = []
  let unreadable = 0
  let next = 0
  for (let i = 0; i < page.length; i += 2) {
    for (let sequence = page[i]!; sequence <= page[i + 1]!; sequence += 1) {
      const uid = tracker.uidOf(sequence)
      while (next < rows.length && rows[next]!.uid < uid) next += 1
      const row = rows[next]
      if (!row || row.uid !== uid) continue // purged behind the session's back: it will hear of the EXPUNGE
      let bytes: MessageBytes | undefined
      try {
        const lacksText = plan.items.some((item) => item.item === 'plain' && ((item.name === 'ENVELOPE' && !row.envelope) || ((item.name === 'BODY' || item.name === 'BODYSTRUCTURE') && !row.structure)))
        if (plan.needsBodies || lacksText) bytes = await MessageBytes.open(talk.services, row.message, row.prefix)
        if (bytes && lacksText) await makeTexts(bytes, row, plan, cached)
        await tellMessage(talk, selected, plan, sequence, row, bytes)
      } catch (error) {
        if (error instanceof PeerGone || error instanceof ReplyUnknown || error instanceof UnknownEncoding) throw error
        unreadable += 1
        talk.services.log.error('a message cannot be read', { uid, message: row.message, error: errorSentence(error) })
      } finally {
        bytes?.close()
      }
      await talk.breathe()
      await share.pause()
    }
  }
  if (cached.length > 0 && talk.state.at === 'selected') talk.state.user.reader.cacheTexts(cached)
  return unreadable
}

/** ENVELOPE or BODYSTRUCTURE worked out from the bytes, and kept for the next time. */
async function makeTexts(bytes: MessageBytes, row: MessageRow, plan: Plan, cached: { message: MessageRow['message']; envelope?: Uint8Array; structure?: Uint8Array }[]): Promise<void> {
  const wants = (name: string) => plan.items.some((item) => item.item === 'plain' && item.name === name)
  if (!row.envelope && wants('ENVELOPE')) {
    row.envelope = envelopeOf(await bytes.header())
    cached.push({ message: row.message, envelope: row.envelope })
  }
  if (!row.structure && (wants('BODY') || wants('BODYSTRUCTURE'))) {
    row.structure = bodyStructureOf(await bytes.tree())
    cached.push({ message: row.message, structure: row.structure })
  }
}

async function tellMessage(talk: Conversation, selected: SelectedMailbox, plan: Plan, sequence: number, row: MessageRow, bytes: MessageBytes | undefined): Promise<void> {
  const { out } = talk
  const { tracker, shared: { view } } = selected
  // Whatever can fail is read before the first octet of the line.
  const prepared: (() => Promise<void> | void)[] = []
  let items = plan.items
  if (plan.setsSeen && !plan.namesFlags && view.indexOf(row.uid) !== undefined && tracker.hasNewFlags(row.uid)) {
    // RFC 3501 §6.4.5: flags that change by reading are told with it; before the body, where clients expect them.
    const at = items.findIndex((item) => item.item !== 'plain')
    items = items.toSpliced(at, 0, { item: 'plain', name: 'FLAGS' })
  }
  for (const item of items) prepared.push(await prepare(talk, item, selected, row, bytes))
  out.text('* ').number(sequence).text(' FETCH (')
  let first = true
  for (const write of prepared) {
    if (!first) out.text(' ')
    first = false
    await write()
  }
  out.text(')\r\n')
}

async function prepare(talk: Conversation, item: FetchItem, selected: SelectedMailbox, row: MessageRow, bytes: MessageBytes | undefined): Promise<() => Promise<void> | void> {
  const { out } = talk
  const { tracker, shared: { view } } = selected
  switch (item.item) {
    case 'section': {
      const message = bytes!
      const pieces = await piecesOfSection(message, item.section)
      return () => {
        out.text(`${item.label} `)
        return writePieces(talk, message, pieces, item.partial)
      }
    }
    case 'binary':
    case 'binary-size': {
      const decoded = await decodedPart(bytes!, item.part)
      if (decoded === 'unknown-encoding') throw new UnknownEncoding()
      return () => {
        out.text(`${item.label} `)
        if (item.item === 'binary-size') out.number(decoded instanceof Uint8Array ? decoded.length : 0)
        else if (!(decoded instanceof Uint8Array)) out.text('NIL')
        else {
          const part = item.partial ? decoded.subarray(item.partial.offset, item.partial.offset + item.partial.count) : decoded
          if (part.includes(0)) out.text('~')
          out.literal(part)
        }
      }
    }
    case 'plain': switch (item.name) {
      case 'UID': return () => void out.text('UID ').number(row.uid)
      case 'FLAGS': return () => {
        // The view is newer than the row; a message that has left it shows what it had.
        const index = view.indexOf(row.uid)
        const bits = index === undefined ? row.bits : view.bitsAt(index)
        const keywords = index === undefined ? row.keywords : view.keywordText(view.keywordsAt(index))
        if (index !== undefined && tracker.hasUntoldFlags) tracker.said(row.uid, view.modseqAt(index))
        out.text(`FLAGS (${printFlags(bits, keywords, tracker.isRecent(row.uid))})`)
      }
      case 'MODSEQ': return () => {
        const index = view.indexOf(row.uid)
        out.text('MODSEQ (').number(index === undefined ? row.modseq : view.modseqAt(index)).text(')')
      }
      case 'INTERNALDATE': return () => void out.text(`INTERNALDATE "${printDateTime(row.internalDateMs)}"`)
      case 'RFC822.SIZE': return () => void out.text('RFC822.SIZE ').number(row.sizeOctets)
      case 'ENVELOPE': return () => void out.text('ENVELOPE ').bytes(row.envelope!)
      case 'BODYSTRUCTURE': return () => void out.text('BODYSTRUCTURE ').bytes(row.structure!)
      case 'BODY': {
        const body = plainBodyOf(row.structure!) ?? (bytes ? bodyOf(await bytes.tree()) : undefined)
        if (!body) throw new TypeError('a stored BODYSTRUCTURE does not parse')
        return () => void out.text('BODY ').bytes(body)
      }
      case 'EMAILID': return () => void out.text(`EMAILID (M${row.message})`)
      case 'THREADID': return () => void out.text(`THREADID (T${row.thread})`)
      case 'SAVEDATE': return () => void out.text(`SAVEDATE "${printDateTime(row.savedMs)}"`)
      case 'PREVIEW': return () => void out.text('PREVIEW NIL')
    }
  }
}
