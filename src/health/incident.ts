// An incident, and the lines of which the book is made: what happened to it, in order. Pure: lines in, incidents out;
// a line that nobody understands (torn, of a later version) changes nothing.
import { type Text, text } from '../base/language.ts'
import { type IncidentFacts, type IncidentKind, type Severity, incidentKinds, isIncidentKind } from './incident-kinds.ts'
import { type ServiceName, serviceNames } from './services.ts'

export interface IncidentNote {
  readonly atMs: number
  readonly sentence: Text
}

export interface Incident {
  /** "I17". */
  readonly id: string
  /** One of the table's kinds; another word when a later version wrote it. */
  readonly kind: string
  /** Tells apart incidents of one kind that go on at the same time: a mirror, an account. */
  readonly subject: string | undefined
  readonly severity: Severity
  readonly services: readonly ServiceName[]
  readonly beganMs: number
  /** Undefined while it goes on. */
  readonly endedMs: number | undefined
  /** How often it was opened: more than once when it came back within minutes. */
  readonly times: number
  readonly what: Text
  readonly doing: Text
  readonly nextStep: Text | undefined
  /** What was said at its end. */
  readonly ending: Text | undefined
  readonly facts: IncidentFacts
  /** Oldest first. For everybody. */
  readonly notes: readonly IncidentNote[]
}

export type BookLine =
  | { t: 'open'; id: string; atMs: number; kind: string; subject?: string; severity: Severity; services: readonly ServiceName[]; what: Text; doing: Text; nextStep?: Text; facts: IncidentFacts; times?: number }
  /** It goes on with other facts, or again after its end. */
  | { t: 'update'; id: string; atMs: number; nextStep?: Text; facts: IncidentFacts; again?: true }
  | { t: 'note'; id: string; atMs: number; sentence: Text }
  | { t: 'close'; id: string; atMs: number; sentence: Text }

/** Of one incident; past it the oldest but the first is dropped. */
const NOTES_MAX = 50
const WORDS_MAX = 1000
const FACTS_MAX = 20

/** What a line makes of the incident that it is about; the same incident when it says nothing new. */
export function applyLine(before: Incident | undefined, line: BookLine): Incident | undefined {
  if (line.t === 'open') {
    return {
      id: line.id, kind: line.kind, subject: line.subject, severity: line.severity, services: line.services, beganMs: line.atMs, endedMs: undefined, times: line.times ?? 1,
      what: line.what, doing: line.doing, nextStep: line.nextStep, ending: undefined, facts: line.facts, notes: [],
    }
  }
  if (!before) return undefined
  switch (line.t) {
    case 'update':
      return line.again
        ? { ...before, endedMs: undefined, ending: undefined, times: before.times + 1, facts: line.facts, nextStep: line.nextStep }
        : { ...before, facts: line.facts, nextStep: line.nextStep }
    case 'note': {
      const notes = [...before.notes, { atMs: line.atMs, sentence: line.sentence }]
      if (notes.length > NOTES_MAX) notes.splice(1, 1)
      return { ...before, notes }
    }
    case 'close':
      // The clock may have been set back meanwhile.
      return before.endedMs !== undefined ? before : { ...before, endedMs: Math.max(before.beganMs, line.atMs), ending: line.sentence }
  }
}

/** The lines that make this incident again. */
export function linesOf(incident: Incident): BookLine[] {
  const { id, kind, subject, severity, services, beganMs, what, doing, nextStep, facts, notes, endedMs, ending, times } = incident
  const lines: BookLine[] = [{ t: 'open', id, atMs: beganMs, kind, ...(subject === undefined ? {} : { subject }), severity, services, what, doing, ...(nextStep ? { nextStep } : {}), facts, ...(times > 1 ? { times } : {}) }]
  for (const { atMs, sentence } of notes) lines.push({ t: 'note', id, atMs, sentence })
  if (endedMs !== undefined) lines.push({ t: 'close', id, atMs: endedMs, sentence: ending ?? text('', '') })
  return lines
}

export function newIncidentLine(id: string, kind: IncidentKind, facts: IncidentFacts, atMs: number): BookLine & { t: 'open' } {
  const { severity, services, say } = incidentKinds[kind]
  const clean = cleanFacts(facts)
  const { what, doing, nextStep } = say(clean)
  const subject = clean['subject']
  return { t: 'open', id, atMs, kind, ...(subject === undefined ? {} : { subject: String(subject) }), severity, services, what, doing, ...(nextStep ? { nextStep } : {}), facts: clean }
}

export function updateLine(id: string, kind: IncidentKind, facts: IncidentFacts, atMs: number, again: boolean): BookLine & { t: 'update' } {
  const clean = cleanFacts(facts)
  const { nextStep } = incidentKinds[kind].say(clean)
  return { t: 'update', id, atMs, ...(nextStep ? { nextStep } : {}), facts: clean, ...(again ? { again: true } : {}) }
}

export function overSentence(incident: Incident): Text {
  return isIncidentKind(incident.kind) ? incidentKinds[incident.kind].say(incident.facts).over : text('It is over.', '終わりました。')
}

/** Reasons come from anywhere (a system's words, a stack): one line each, not endless. */
export function cleanWords(words: string): string {
  const flat = words.replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, ' ').trim().toWellFormed()
  return flat.length > WORDS_MAX ? `${flat.slice(0, WORDS_MAX - 1).toWellFormed()}…` : flat
}

export function cleanText(sentence: Text): Text {
  return text(cleanWords(sentence.en), cleanWords(sentence.ja))
}

function cleanFacts(facts: IncidentFacts): IncidentFacts {
  return Object.fromEntries(Object.entries(facts).slice(0, FACTS_MAX).map(([name, value]) => [name, typeof value === 'number' ? value : cleanWords(value)]))
}

export function numberOfId(id: string): number {
  const found = /^I(\d{1,12})$/.exec(id)
  return found ? Number(found[1]) : 0
}

// ---------------------------------------------------------------- reading

const isText = (value: unknown): value is Text => typeof value === 'object' && value !== null && 'en' in value && 'ja' in value && typeof value.en === 'string' && typeof value.ja === 'string'
const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && Math.abs(value) < 8.64e15
const severities: readonly unknown[] = ['info', 'minor', 'major', 'critical'] satisfies Severity[]

function factsOf(value: unknown): IncidentFacts {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(Object.entries(value).filter((pair): pair is [string, string | number] => typeof pair[1] === 'string' || typeof pair[1] === 'number'))
}

/** Undefined for what is no line of the book. */
export function parseBookLine(words: string): BookLine | undefined {
  let value: Record<string, unknown>
  try {
    const parsed: unknown = JSON.parse(words)
    if (typeof parsed !== 'object' || parsed === null) return undefined
    value = { ...parsed }
  } catch {
    return undefined
  }
  const { t, id, atMs } = value
  if (typeof id !== 'string' || numberOfId(id) === 0 || !isTime(atMs)) return undefined
  const nextStep = isText(value['nextStep']) ? { nextStep: value['nextStep'] } : {}
  switch (t) {
    case 'open': {
      const { kind, subject, severity, services, what, doing, times } = value
      if (typeof kind !== 'string' || !severities.includes(severity) || !isText(what) || !isText(doing)) return undefined
      const known = Array.isArray(services) ? serviceNames.filter((name) => services.includes(name)) : []
      return { t, id, atMs, kind, ...(typeof subject === 'string' ? { subject } : {}), severity: severity as Severity, services: known, what, doing, ...nextStep, facts: factsOf(value['facts']), ...(typeof times === 'number' && Number.isSafeInteger(times) ? { times } : {}) }
    }
    case 'update':
      return { t, id, atMs, ...nextStep, facts: factsOf(value['facts']), ...(value['again'] === true ? { again: true } : {}) }
    case 'note':
    case 'close':
      return isText(value['sentence']) ? { t, id, atMs, sentence: value['sentence'] } : undefined
    default:
      return undefined
  }
}
