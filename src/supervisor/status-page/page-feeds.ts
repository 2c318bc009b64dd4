// The same facts for programs: status.json and status.rss (RSS 2.0). Pure.
import type { Language, Text } from '../../base/language.ts'
import { printLocalOffset } from '../../base/local-time.ts'
import { serviceTitles } from '../../health/health.ts'
import { escapeMarkup } from './escape.ts'
import { pageWordsOf } from './page-words.ts'
import { type StatusFacts, overallLevel } from './status-facts.ts'

export interface FeedOptions {
  readonly facts: StatusFacts
  readonly title: string
  readonly hostname: string
  /** Where people open the page; ends with a slash. */
  readonly url: string
  readonly nowMs: number
}

/** ISO 8601 in the server's time zone: "2026-11-28T02:00:00+09:00". */
export function printIso(atMs: number): string {
  const offset = printLocalOffset(atMs)
  const minutes = -new Date(atMs).getTimezoneOffset()
  return `${new Date(atMs + minutes * 60_000).toISOString().slice(0, 19)}${offset.slice(0, 3)}:${offset.slice(3)}`
}

export function printStatusJson({ facts, title, hostname, nowMs }: FeedOptions): string {
  const overall = overallLevel(facts)
  const both = (of: (language: Language) => string): Text => ({ en: of('en'), ja: of('ja') })
  return `${JSON.stringify({
    title,
    hostname,
    updated: printIso(nowMs),
    status: overall,
    sentence: both((language) => pageWordsOf[language].overall[overall]),
    services: facts.services.map(({ name, level, sinceMs, because }) => ({ name, title: serviceTitles[name], status: level, since: printIso(sinceMs), sentence: because ?? null })),
    incidents: facts.incidents.map((one) => ({
      id: one.id, kind: one.kind, severity: one.severity, services: one.services, began: printIso(one.beganMs), ended: one.endedMs === undefined ? null : printIso(one.endedMs),
      what: one.what, doing: one.doing, notes: one.notes.map((note) => ({ at: printIso(note.atMs), sentence: note.sentence })), ending: one.ending ?? null,
    })),
    maintenance: facts.windows.map((one) => ({ id: one.id, state: one.state, from: printIso(one.fromMs), to: printIso(one.toMs), what: one.what, sentence: one.words })),
    // Minutes of each day; null where nothing is known.
    days: facts.days.map(({ day, of }) => ({ day, ...Object.fromEntries(Object.entries(of).map(([name, levels]) => [name, levels === undefined ? null : Object.fromEntries(Object.entries(levels).map(([level, ms]) => [level, Math.round(ms / 60_000)]))])) })),
  }, undefined, 1)}\n`
}

interface FeedItem {
  readonly id: string
  readonly anchor: string
  readonly title: string
  readonly words: string
  readonly atMs: number
}

export function printStatusRss(options: FeedOptions & { language: Language }): string {
  const { facts, title, hostname, url, nowMs, language } = options
  const words = pageWordsOf[language]
  const page = language === 'ja' ? `${url}index.ja.html` : `${url}index.html`
  const items: FeedItem[] = []
  for (const one of facts.incidents) {
    items.push({ id: `incident/${one.id}`, anchor: one.id, title: one.what[language], words: one.doing[language], atMs: one.beganMs })
    one.notes.forEach((note, index) => items.push({ id: `incident/${one.id}/${note.atMs}.${index}`, anchor: one.id, title: one.what[language], words: note.sentence[language], atMs: note.atMs }))
    // A reader shows each item once: the end is one of its own.
    if (one.endedMs !== undefined) items.push({ id: `incident/${one.id}/ended/${one.endedMs}`, anchor: one.id, title: `${words.over}: ${one.what[language]}`, words: one.ending?.[language] ?? words.over, atMs: one.endedMs })
  }
  for (const one of facts.windows) items.push({ id: `maintenance/${one.id}/${one.fromMs}`, anchor: one.id, title: `${words.planned}: ${one.what}`, words: one.words[language], atMs: Math.min(one.fromMs, nowMs) })
  items.sort((a, b) => b.atMs - a.atMs)
  const e = escapeMarkup
  const date = (atMs: number) => new Date(atMs).toUTCString()
  return `<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0">
<channel>
<title>${e(words.heading(title))}</title>
<link>${e(page)}</link>
<description>${e(words.overall[overallLevel(facts)])}</description>
<language>${language}</language>
<lastBuildDate>${date(nowMs)}</lastBuildDate>
<ttl>5</ttl>
${items.map((item) => `<item>
<title>${e(item.title)}</title>
<link>${e(`${page}#${item.anchor}`)}</link>
<description>${e(item.words)}</description>
<pubDate>${date(item.atMs)}</pubDate>
<guid isPermaLink="false">${e(`${hostname}/${item.id}`)}</guid>
</item>
`).join('')}</channel>
</rss>
`
}
