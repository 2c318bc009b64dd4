// How many keywords a mailbox may know (limits.keywords_max), judged before the append by every command that
// could bring new ones: STORE, APPEND, COPY and MOVE. Two sessions at one moment may together pass it by a few.
import type { AccountId, MailboxId } from '../store/store.ts'
import { keywordKey, keywordList } from '../store/store.ts'
import type { Ranges } from '../wire/imap/sequence-set.ts'
import type { MailboxView } from './mailbox-view.ts'
import type { ImapServices } from './services.ts'
import type { SelectedMailbox } from './session-state.ts'
import { FairShare } from './turn.ts'

/** Would these keywords be more than a mailbox may know? */
export function tooManyKeywords(view: MailboxView, keywords: readonly string[], max: number): boolean {
  if (keywords.length === 0) return false
  const fresh = new Set(keywords.filter((keyword) => !view.knowsKeyword(keyword)).map(keywordKey)).size
  return fresh > 0 && view.knownKeywordsCount + fresh > max
}

/** The same of a mailbox that the session need not have open. One that is not there has room: its own refusal comes later. */
export async function tooManyKeywordsFor(
  { views, limits }: ImapServices, { account, mailbox }: { account: AccountId; mailbox: MailboxId }, keywords: readonly string[],
): Promise<boolean> {
  if (keywords.length === 0) return false
  const opened = await views.open(account, mailbox, { readOnly: true })
  if (!opened) return false
  try {
    return tooManyKeywords(opened.shared.view, keywords, limits.keywords_max)
  } finally {
    views.leave(opened.shared, opened.tracker)
  }
}

/** Every keyword that some message of these carries. */
export async function keywordsOf({ tracker, shared: { view } }: SelectedMailbox, ranges: Ranges, now: () => number): Promise<string[]> {
  if (view.knownKeywordsCount === 0) return []
  const texts = new Set<number>()
  const share = new FairShare(now)
  for (let i = 0; i < ranges.length; i += 2) {
    for (let sequence = ranges[i]!; sequence <= ranges[i + 1]!; sequence += 1) {
      if ((sequence & 1023) === 0) await share.pause()
      const place = tracker.placeOf(sequence)
      if (place.here) texts.add(view.keywordsAt(place.index))
    }
  }
  return [...texts].flatMap((text) => keywordList(view.keywordText(text)))
}
