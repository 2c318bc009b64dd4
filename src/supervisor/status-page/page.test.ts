import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Language } from '../../base/language.ts'
import { printLocalTime } from '../../base/local-time.ts'
import { printIso, printStatusJson, printStatusRss } from './page-feeds.ts'
import { CONTENT_POLICY, printPage, reachablePercent } from './page-html.ts'
import { pageStyle } from './page-style.ts'
import { factsNowMs, factsOfPeace, factsWithTrouble, hostileWords } from './status-facts-for-tests.ts'

const VOID = new Set(['meta', 'link'])

interface Element {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
}

/** A strict reader of markup: every element closed in order, every attribute quoted, no stray "<", ">" or "&". Gives the elements. */
function readMarkup(markup: string, { isXml = false } = {}): { elements: Element[]; text: string } {
  const elements: Element[] = []
  const open: string[] = []
  let text = ''
  let at = 0
  const entity = /^&(?:amp|lt|gt|quot|#39);/
  while (at < markup.length) {
    const rest = markup.slice(at, at + 4000)
    const raw = open.at(-1) === 'style' ? /^[^<]+/.exec(rest) : null
    const tag = /^<(\/?)([a-zA-Z0-9]+)((?:\s+[a-zA-Z-]+(?:="[^"<>]*")?)*)\s*(\/?)>/.exec(rest)
    if (raw) at += raw[0].length
    else if (isXml && rest.startsWith('<?xml')) at += rest.indexOf('?>') + 2
    else if (!isXml && rest.startsWith('<!DOCTYPE html>')) at += '<!DOCTYPE html>'.length
    else if (tag) {
      const [whole, slash, name = '', attributes = ''] = tag
      if (slash === '/') assert.equal(open.pop(), name, `</${name}> at ${at}: ${markup.slice(Math.max(0, at - 80), at + 20)}`)
      else {
        const found = new Map<string, string>()
        for (const [, key = '', value = ''] of attributes.matchAll(/\s+([a-zA-Z-]+)(?:="([^"]*)")?/g)) {
          assert.ok(!/&(?!(?:amp|lt|gt|quot|#39);)/.test(value), `a bare & in ${key}="${value}"`)
          found.set(key, value)
        }
        elements.push({ name, attributes: found })
        if (!VOID.has(name) || isXml) open.push(name)
      }
      at += whole.length
    } else {
      const letter = markup[at] ?? ''
      assert.notEqual(letter, '<', `markup that is none at ${at}: ${markup.slice(at, at + 60)}`)
      assert.notEqual(letter, '>', `a stray ">" at ${at}`)
      if (letter === '&') assert.match(rest, entity, `a bare & at ${at}`)
      text += letter
      at += 1
    }
  }
  assert.deepEqual(open, [])
  return { elements, text }
}

const pages: { [language in Language]: { trouble: string; peace: string } } = {
  en: { trouble: printPage({ facts: factsWithTrouble(), title: hostileWords, language: 'en', nowMs: factsNowMs }), peace: printPage({ facts: factsOfPeace(), title: 'Example Mail', language: 'en', nowMs: factsNowMs }) },
  ja: { trouble: printPage({ facts: factsWithTrouble(), title: hostileWords, language: 'ja', nowMs: factsNowMs }), peace: printPage({ facts: factsOfPeace(), title: 'Example Mail', language: 'ja', nowMs: factsNowMs }) },
}

for (const language of ['en', 'ja'] as const) {
  test(`the page is well formed and lets nothing through (${language})`, () => {
    for (const page of Object.values(pages[language])) {
      const { elements, text } = readMarkup(page)
      assert.equal(elements.filter(({ name }) => name === 'script').length, 0)
      assert.equal(elements.find(({ name }) => name === 'html')?.attributes.get('lang'), language)
      assert.ok(elements.every(({ attributes }) => ![...attributes.keys()].some((key) => key === 'style' || key === 'src' || key.startsWith('on'))), 'a style, a source or a handler in an attribute')
      const ids = elements.flatMap(({ attributes }) => attributes.get('id') ?? [])
      assert.equal(new Set(ids).size, ids.length, 'an id twice')
      for (const { attributes } of elements) if (attributes.has('aria-labelledby')) assert.ok(ids.includes(attributes.get('aria-labelledby') ?? ''))
      assert.ok(!/[\u0000-\u0008\u000b-\u001f\ud800]/u.test(text))
      assert.equal(elements.filter(({ name }) => name === 'h1').length, 1)
    }
    assert.ok(pages[language].trouble.includes('&lt;script&gt;'))
  })

  test(`nothing is fetched from anywhere (${language})`, () => {
    const { elements } = readMarkup(pages[language].trouble)
    for (const { attributes } of elements) if (attributes.has('href')) assert.match(attributes.get('href') ?? '', /^(?:index(?:\.ja)?\.html|status(?:\.ja)?\.(?:rss|json))$/)
    assert.ok(!/url\(|@import/.test(pageStyle))
  })

  test(`bars have words for those who do not see them (${language})`, () => {
    const { elements } = readMarkup(pages[language].trouble)
    const bars = elements.filter(({ attributes }) => attributes.get('class') === 'bars')
    assert.equal(bars.length, 5)
    for (const { attributes } of bars) assert.match(attributes.get('aria-label') ?? '', /99\.99/)
    const days = elements.filter(({ name }) => name === 'i')
    assert.equal(days.length, 450)
    assert.ok(days.every(({ attributes }) => /^\d{4}-\d\d-\d\d/.test(attributes.get('title') ?? '')))
  })
}

test('the words are those of the language', () => {
  assert.ok(pages.en.trouble.includes('Some services are down.') && pages.en.trouble.includes('Mail is taken and safe'))
  assert.ok(pages.ja.trouble.includes('一部のサービスが停止しています。') && pages.ja.trouble.includes('安全に保管されています'))
  assert.ok(pages.en.peace.includes('All services work.') && pages.en.peace.includes('Nothing is planned.') && pages.en.peace.includes('Nothing has happened'))
  assert.ok(pages.en.trouble.includes(printLocalTime(factsNowMs)))
})

test('what goes on now stands before what is over', () => {
  const page = pages.en.trouble
  assert.ok(page.indexOf('id="I8"') < page.indexOf('id="services"') && page.indexOf('id="services"') < page.indexOf('id="I7"'))
})

test('a day with 8 minutes down says so', () => {
  assert.match(pages.en.trouble, /title="[-\d]+: Down 8 min, Limited 12 min"/)
  assert.match(pages.ja.trouble, /停止 8 分, 制限あり 12 分/)
})

test('nearly always is not always', () => {
  const day = (down: number) => ({ up: 86_400_000 - down, degraded: 0, down, maintenance: 0 })
  assert.equal(reachablePercent([day(0)]), '100.00')
  assert.equal(reachablePercent([day(1), ...Array.from({ length: 89 }, () => day(0))]), '99.99')
  assert.equal(reachablePercent([undefined]), undefined)
  assert.equal(reachablePercent([{ up: 0, degraded: 0, down: 0, maintenance: 5 }]), undefined)
})

test('the policy allows the style by its hash and nothing else', () => {
  assert.match(CONTENT_POLICY, /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'$/)
  assert.ok(pages.en.peace.includes(`<style>${pageStyle}</style>`), 'the style is not inside as it was hashed')
})

test('JSON holds the same, and nothing that is the operator\'s', () => {
  const facts = factsWithTrouble()
  const value = JSON.parse(printStatusJson({ facts, title: 'Example', hostname: 'mail.example.org', url: 'https://s.example/', nowMs: factsNowMs })) as Record<string, unknown> & { services: { name: string; status: string }[]; incidents: { id: string; ended: string | null }[]; days: unknown[] }
  assert.equal(value['status'], 'down')
  assert.deepEqual(value.services.map(({ name, status }) => `${name} ${status}`), ['smtp degraded', 'submission down', 'imap down', 'queue down', 'storage up'])
  assert.deepEqual(value.incidents.map(({ id, ended }) => [id, ended === null]), [['I8', true], ['I7', false]])
  assert.equal(value.days.length, 90)
  assert.equal(Date.parse(value['updated'] as string), factsNowMs)
})

test('times have the offset of the server', () => {
  const before = process.env['TZ']
  try {
    for (const [zone, expected] of [['Asia/Tokyo', '2026-11-25T09:30:00+09:00'], ['America/St_Johns', '2026-11-24T21:00:00-03:30'], ['UTC', '2026-11-25T00:30:00+00:00']] as const) {
      process.env['TZ'] = zone
      assert.equal(printIso(factsNowMs), expected)
    }
  } finally {
    if (before === undefined) delete process.env['TZ']
    else process.env['TZ'] = before
  }
})

test('the feed is RSS 2.0: what it must have, dates by RFC 822, each item once', () => {
  for (const language of ['en', 'ja'] as const) {
    const rss = printStatusRss({ facts: factsWithTrouble(), title: hostileWords, hostname: 'mail.example.org', url: 'https://s.example/', nowMs: factsNowMs, language })
    const { elements } = readMarkup(rss, { isXml: true })
    const count = (name: string) => elements.filter((one) => one.name === name).length
    assert.equal(elements[0]?.name, 'rss')
    assert.equal(elements[0]?.attributes.get('version'), '2.0')
    assert.equal(count('channel'), 1)
    const items = count('item')
    // I8, its note, I7, its end, M3.
    assert.equal(items, 5)
    for (const name of ['title', 'link', 'description']) assert.equal(count(name), items + 1, name)
    const guids = [...rss.matchAll(/<guid isPermaLink="false">([^<]+)</g)].map(([, guid]) => guid)
    assert.equal(new Set(guids).size, items)
    for (const [, date = ''] of rss.matchAll(/<(?:pubDate|lastBuildDate)>([^<]+)</g)) assert.match(date, /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/)
    assert.ok(rss.includes('<link>https://s.example/index'))
  }
})
