// Carries out a search, the cheap questions first: what the shared view knows for all messages, then rows in
// pages for those still open, then headers, then bodies window by window. Others have their turn in between,
// and no more of a message is held than one window and what the budget allows for a large one.
import { concatBytes } from '../base/bytes.ts'
import { Outage } from '../base/errors.ts'
import { addrSpecText, mailboxesOf, parseAddressList } from '../message/address-list.ts'
import { parseMailDate } from '../message/date.ts'
import { fieldValues, firstFieldValue } from '../message/headers.ts'
import { foldForSearch } from '../message/search-fold.ts'
import { searchableBody, searchableHeader, searchableValues } from '../message/search-text.ts'
import type { MessageRow } from '../store/store.ts'
import { dayNumber } from '../wire/imap/dates.ts'
import { MessageBytes } from './message-bytes.ts'
import type { Candidate, Program } from './search-program.ts'
import type { ImapServices } from './services.ts'
import type { SelectedMailbox, User } from './session-state.ts'
import { FairShare } from './turn.ts'

const PAGE_ROWS = 200

export interface Found {
  readonly sequence: number
  readonly uid: number
  readonly modseq: number
}

/** Messages that match, in order. */
export async function runSearch(services: ImapServices, user: User, selected: SelectedMailbox, program: Program): Promise<Found[]> {
  const { tracker, shared: { view } } = selected
  const share = new FairShare(() => services.clock.monotonicMs())
  const found: Found[] = []
  const open: Candidate[] = []
  for (let sequence = 1; sequence <= tracker.exists; sequence += 1) {
    if ((sequence & 1023) === 0) await share.pause()
    const place = tracker.placeOf(sequence)
    if (!place.here) continue // gone; its EXPUNGE is still to be told
    const { index } = place
    const uid = view.uidAt(index)
    const candidate: Candidate = { sequence, uid, bits: view.bitsAt(index), keywords: view.keywordsAt(index), modseq: view.modseqAt(index), recent: tracker.isRecent(uid) }
    const answer = program.test(candidate)
    if (answer) found.push(candidate)
    else if (answer === undefined) open.push(candidate)
  }
  for (let at = 0; at < open.length; at += PAGE_ROWS) {
    const page = open.slice(at, at + PAGE_ROWS)
    const rows = await user.reader.messages(view.mailbox, page.map((candidate) => candidate.uid))
    const byUid = new Map(rows.filter((row) => !row.gone).map((row) => [row.uid, row]))
    for (const candidate of page) {
      const row = byUid.get(candidate.uid)
      if (row && (await matches(services, program, candidate, row, share))) found.push(candidate)
      await share.pause()
    }
  }
  return found.sort((a, b) => a.sequence - b.sequence)
}

async function matches(services: ImapServices, program: Program, candidate: Candidate, row: MessageRow, share: FairShare): Promise<boolean> {
  candidate.row = {
    internalDateMs: row.internalDateMs, sizeOctets: row.sizeOctets, message: row.message, thread: row.thread,
    get sentDay() {
      return sentDayOfEnvelope(row.envelope)
    },
  }
  const byRow = program.test(candidate)
  if (byRow !== undefined) return byRow
  const bytes = await MessageBytes.open(services, row.message, row.prefix)
  try {
    candidate.header = headerOf(concatBytes([bytes.prefix, await bytes.header()]))
    const byHeader = program.test(candidate)
    if (byHeader !== undefined) return byHeader
    candidate.body = await stringsInBody(services, bytes, program.bodyStrings, share)
    return program.test(candidate) === true
  } finally {
    bytes.close()
    delete candidate.header
  }
}

function headerOf(header: Uint8Array): NonNullable<Candidate['header']> {
  const values = new Map<string, string[]>()
  let whole: string | undefined
  return {
    values(field) {
      let known = values.get(field)
      if (!known) {
        known = searchableValues(header, field)
        // "in the envelope structure's FROM field" (RFC 3501 §6.4.4): addresses are found without comments and folds too.
        if (ADDRESS_FIELDS.has(field)) known = [...known, ...addressesIn(header, field)]
        values.set(field, known)
      }
      return known
    },
    whole: () => (whole ??= searchableHeader(header)),
    get sentDay() {
      const date = firstFieldValue(header, 'date')
      return date === undefined ? null : sentDay(date)
    },
  }
}

const ADDRESS_FIELDS = new Set(['from', 'to', 'cc', 'bcc', 'sender', 'reply-to'])

function addressesIn(header: Uint8Array, field: string): string[] {
  return fieldValues(header, field, 100).flatMap((value) => mailboxesOf(parseAddressList(value)).map((mailbox) => foldForSearch(addrSpecText(mailbox))))
}

/** RFC 3501 §6.4.4: the Date header's day, "disregarding time and timezone". */
function sentDay(date: string): number | null {
  const parsed = parseMailDate(date)
  return parsed.ok ? dayNumber(parsed.value.atMs + parsed.value.zoneMinutes * 60_000) : null
}

/** The date stands first in an ENVELOPE, nearly always as a quoted string. undefined: look at the header. */
function sentDayOfEnvelope(envelope: Uint8Array | null): number | null | undefined {
  if (!envelope || envelope[1] !== 0x22) return undefined
  const end = envelope.indexOf(0x22, 2)
  if (end < 0 || end > 100) return undefined
  return sentDay(String.fromCharCode(...envelope.subarray(2, end)))
}

async function stringsInBody(services: ImapServices, bytes: MessageBytes, strings: ReadonlySet<string>, share: FairShare): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  const tree = await bytes.tree()
  const octets = bytes.whole ? 0 : bytes.bodyOctets
  if (octets > 0 && !services.memory.reserve(octets)) throw new Outage('no memory to search a large message at this moment', { operation: 'search' })
  try {
    const whole = bytes.whole ?? (await bytes.bytes(0, bytes.bodyOctets))
    for (const text of searchableBody(tree, (start, end) => whole.subarray(start, end))) {
      for (const wanted of strings) if (!found.has(wanted) && text.includes(wanted)) found.add(wanted)
      if (found.size === strings.size) break
      await share.pause()
    }
  } finally {
    services.memory.release(octets)
  }
  return found
}
