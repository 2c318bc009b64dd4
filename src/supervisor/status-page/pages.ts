// All files of the status page, ready to be sent: made anew when something has changed or their time is over, and kept
// as bytes in between. The server and the published copy take the same ones.
import { createHash } from 'node:crypto'
import { bytesOf } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { CONTENT_POLICY, printPage } from './page-html.ts'
import { type FeedOptions, printStatusJson, printStatusRss } from './page-feeds.ts'
import type { StatusFacts } from './status-facts.ts'

export interface PageFile {
  readonly type: string
  readonly bytes: Uint8Array
  /** With its quotes. */
  readonly etag: string
  readonly contentPolicy: string
}

export const pageNames = ['index.html', 'index.ja.html', 'status.json', 'status.rss', 'status.ja.rss'] as const
export type PageName = (typeof pageNames)[number]
export type PageFiles = { readonly [name in PageName]: PageFile }

/** "Last updated" and today's bar are never older than this. */
export const PAGE_MS = 5 * 60_000

export interface PagesOptions {
  readonly facts: () => StatusFacts
  readonly clock: Clock
  /** Asked each time: a reload may change them. */
  readonly naming: () => Pick<FeedOptions, 'title' | 'hostname' | 'url'>
}

export class Pages {
  readonly #options: PagesOptions
  #files: PageFiles | undefined
  #madeMs = 0

  constructor(options: PagesOptions) {
    this.#options = options
  }

  /** What is shown has changed: the next one who asks gets new ones. */
  changed(): void {
    this.#files = undefined
  }

  files(): PageFiles {
    const monotonicMs = this.#options.clock.monotonicMs()
    if (!this.#files || monotonicMs - this.#madeMs >= PAGE_MS) {
      this.#files = this.#make()
      this.#madeMs = monotonicMs
    }
    return this.#files
  }

  #make(): PageFiles {
    const { facts: gather, clock, naming } = this.#options
    const nowMs = clock.nowMs()
    const all = { facts: gather(), nowMs, ...naming() }
    return {
      'index.html': file('text/html; charset=utf-8', printPage({ ...all, language: 'en' }), CONTENT_POLICY),
      'index.ja.html': file('text/html; charset=utf-8', printPage({ ...all, language: 'ja' }), CONTENT_POLICY),
      'status.json': file('application/json; charset=utf-8', printStatusJson(all)),
      'status.rss': file('application/rss+xml; charset=utf-8', printStatusRss({ ...all, language: 'en' })),
      'status.ja.rss': file('application/rss+xml; charset=utf-8', printStatusRss({ ...all, language: 'ja' })),
    }
  }
}

function file(type: string, words: string, contentPolicy = "default-src 'none'"): PageFile {
  const bytes = bytesOf(words)
  return { type, bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`, contentPolicy }
}
