// The status page itself: HTML that works without script, for people on phones, with screen readers, in the dark.
// Pure: facts and a moment in, text out.
import { createHash } from 'node:crypto'
import type { Language } from '../../base/language.ts'
import { printLocalEnd, printLocalTime } from '../../base/local-time.ts'
import { type DayOfService, type ServiceLevel, type ServiceName, serviceTitles } from '../../health/health.ts'
import { type Markup, html, Markup as MarkupOf } from './escape.ts'
import { pageStyle } from './page-style.ts'
import { type PageWords, pageWordsOf } from './page-words.ts'
import { type PublicIncident, type PublicWindow, type StatusFacts, overallLevel } from './status-facts.ts'

/** Everything is inside the page; nothing runs and nothing is fetched. */
const STYLE_HASH = `'sha256-${createHash('sha256').update(pageStyle).digest('base64')}'`
export const CONTENT_POLICY = `default-src 'none'; style-src ${STYLE_HASH}; base-uri 'none'; form-action 'none'`

/** Shorter trouble does not colour a day. */
const TROUBLE_MS = 30_000
const BAD_FIRST = ['down', 'degraded', 'maintenance'] as const satisfies readonly ServiceLevel[]

export interface PageOptions {
  readonly facts: StatusFacts
  readonly title: string
  readonly language: Language
  readonly nowMs: number
}

export function printPage({ facts, title, language, nowMs }: PageOptions): string {
  const words = pageWordsOf[language]
  const open = facts.incidents.filter((one) => one.endedMs === undefined)
  const past = facts.incidents.filter((one) => one.endedMs !== undefined)
  const overall = overallLevel(facts)
  const other = language === 'ja' ? { href: 'index.html', code: 'en' } : { href: 'index.ja.html', code: 'ja' }
  const feed = language === 'ja' ? 'status.ja.rss' : 'status.rss'
  return html`<!DOCTYPE html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${CONTENT_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${words.overall[overall]} ${words.heading(title)}</title>
<link rel="alternate" type="application/rss+xml" title="${words.heading(title)}" href="${feed}">
<link rel="alternate" hreflang="${other.code}" href="${other.href}">
<style>${new MarkupOf(pageStyle)}</style>
</head>
<body>
<header><h1>${words.heading(title)}</h1><a href="${other.href}" hreflang="${other.code}" lang="${other.code}">${words.otherLanguage}</a></header>
<main>
<p class="card overall ${overall}" role="status">${words.overall[overall]}</p>
${open.length === 0 ? undefined : html`<section aria-labelledby="now"><h2 id="now">${words.openIncidents}</h2><ol>${open.map((one) => incident(one, words, language))}</ol></section>
`}${facts.windows.some((one) => one.state === 'running') ? planned(facts.windows, words, language) : undefined}<section aria-labelledby="services"><h2 id="services">${words.services}</h2><ul>${facts.services.map((one) => service(one.name, facts, words, language))}</ul></section>
${facts.windows.some((one) => one.state === 'running') ? undefined : planned(facts.windows, words, language)}<section aria-labelledby="past"><h2 id="past">${words.pastIncidents}</h2>${past.length === 0 ? html`<p>${words.noIncidents}</p>` : html`<ol>${past.map((one) => incident(one, words, language))}</ol>`}</section>
</main>
<footer><p class="soft">${words.updated}: ${time(nowMs)}. ${words.stale}</p><p class="soft"><a href="${feed}">${words.feed}</a> · <a href="status.json">JSON</a></p></footer>
</body>
</html>
`.text
}

const time = (atMs: number): Markup => html`<time datetime="${new Date(atMs).toISOString()}">${printLocalTime(atMs)}</time>`
const timeTo = (fromMs: number, toMs: number): Markup => html`<time datetime="${new Date(toMs).toISOString()}">${printLocalEnd(fromMs, toMs)}</time>`

function service(name: ServiceName, facts: StatusFacts, words: PageWords, language: Language): Markup {
  const standing = facts.services.find((one) => one.name === name)
  if (!standing) return html``
  const days = facts.days.map(({ day, of }) => ({ day, shown: shownDay(of[name], words) }))
  const trouble = days.filter(({ shown }) => shown.trouble !== undefined)
  const summary = `${words.daysAgo(days.length - 1)} – ${words.today}: ${reachable(facts, name, words)}; ${trouble.length === 0 ? words.noTrouble : words.troubleDays(trouble.length)}`
  return html`<li class="card"><div class="row"><h3>${serviceTitles[name][language]}</h3><span class="state ${standing.level}">${words.level[standing.level]}</span></div>
${standing.because === undefined ? undefined : html`<p>${standing.because[language]}</p>`}<p class="soft">${words.since}: ${time(standing.sinceMs)}</p>
<div class="bars" role="img" aria-label="${summary}">${days.map(({ day, shown }) => html`<i${shown.level === undefined ? undefined : html` class="${shown.level}"`} title="${day}${shown.words === '' ? '' : `: ${shown.words}`}"></i>`)}</div>
<div class="row soft"><span>${words.daysAgo(days.length - 1)}</span><span>${reachable(facts, name, words)}</span><span>${words.today}</span></div>
${trouble.length === 0 ? undefined : html`<details class="soft"><summary>${words.troubleDays(trouble.length)}</summary><ul>${[...trouble].reverse().map(({ day, shown }) => html`<li>${day}: ${shown.trouble ?? ''}</li>`)}</ul></details>`}</li>
`
}

/** The worst of a day, and its words; `trouble` when there was any. */
function shownDay(day: DayOfService | undefined, words: PageWords): { level: ServiceLevel | undefined; words: string; trouble: string | undefined } {
  if (!day) return { level: undefined, words: words.level.unknown, trouble: undefined }
  const bad = BAD_FIRST.filter((level) => day[level] >= TROUBLE_MS)
  const worst = bad[0]
  if (worst === undefined) return { level: 'up', words: '', trouble: undefined }
  const sentence = bad.map((level) => `${words.level[level]} ${words.minutes(Math.max(1, Math.round(day[level] / 60_000)))}`).join(', ')
  return { level: worst, words: sentence, trouble: sentence }
}

/** Planned maintenance counts neither way. Rounded down: nearly always is not always. */
export function reachablePercent(days: readonly (DayOfService | undefined)[]): string | undefined {
  let [well, all] = [0, 0]
  for (const day of days) {
    if (!day) continue
    well += day.up + day.degraded
    all += day.up + day.degraded + day.down
  }
  return all === 0 ? undefined : (Math.floor((well / all) * 10_000) / 100).toFixed(2)
}

function reachable(facts: StatusFacts, name: ServiceName, words: PageWords): string {
  const percent = reachablePercent(facts.days.map(({ of }) => of[name]))
  return percent === undefined ? words.nothingKnown : words.reachable(percent)
}

const SEVERITY_CLASS = { info: 'maintenance', minor: 'degraded', major: 'degraded', critical: 'down' } as const

function incident(one: PublicIncident, words: PageWords, language: Language): Markup {
  const isOpen = one.endedMs === undefined
  const when = one.endedMs === undefined
    ? html`${words.since}: ${time(one.beganMs)}`
    : html`${time(one.beganMs)} – ${timeTo(one.beganMs, one.endedMs)}`
  return html`<li class="card" id="${one.id}"><div class="row"><h3>${one.what[language]}</h3><span class="tag ${isOpen ? SEVERITY_CLASS[one.severity] : 'soft'}">${isOpen ? words.severity[one.severity] : words.over}</span></div>
<p class="soft">${when}${one.services.length === 0 ? '' : ` · ${one.services.map((name) => serviceTitles[name][language]).join(language === 'ja' ? '、' : ', ')}`}</p>
${isOpen ? html`<p>${one.doing[language]}</p>` : undefined}${one.notes.map((note) => html`<p>${time(note.atMs)}: ${note.sentence[language]}</p>`)}${one.ending === undefined ? undefined : html`<p>${one.ending[language]}</p>`}</li>
`
}

function planned(windows: readonly PublicWindow[], words: PageWords, language: Language): Markup {
  return html`<section aria-labelledby="planned"><h2 id="planned">${words.planned}</h2>${windows.length === 0 ? html`<p>${words.nothingPlanned}</p>` : html`<ol>${windows.map((one) => html`<li class="card" id="${one.id}"><div class="row"><h3>${one.what}</h3>${one.state === 'running' ? html`<span class="tag maintenance">${words.running}</span>` : undefined}</div>
<p>${one.words[language]}</p></li>
`)}</ol>`}</section>
`
}
