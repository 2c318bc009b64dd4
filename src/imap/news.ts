// Tells a client what happened to its mailbox since it was last told (RFC 3501 §7.3, §7.4): EXPUNGE before
// EXISTS, EXISTS before FETCH of anything new, and nothing twice.
import type { ResponseBuffer } from '../wire/imap/print.ts'
import type { Conversation } from './conversation.ts'
import { printSet } from '../wire/imap/sequence-set.ts'
import { printFlags, SYSTEM_FLAGS_TEXT } from './flags-text.ts'
import type { MailboxView } from './mailbox-view.ts'
import type { SequenceTracker } from './sequence-tracker.ts'
import { FairShare } from './turn.ts'

/** Long news wait for a slow client in between; what they say was settled in one moment before. */
export async function tellNews(talk: Conversation, tracker: SequenceTracker, mayExpunge: boolean): Promise<void> {
  if (!tracker.hasNews) return
  const { out, enabled } = talk
  const { view } = tracker
  const news = tracker.takeNews(mayExpunge)
  if (news.expunged.length > 0) {
    if (enabled.qresync) out.text(`* VANISHED ${printSet(news.expungedUids)}\r\n`)
    else {
      for (const sequence of news.expunged) {
        out.text('* ').number(sequence).text(' EXPUNGE\r\n')
        await talk.breathe()
      }
    }
  }
  if (news.exists !== undefined) {
    out.text('* ').number(news.exists).text(' EXISTS\r\n')
    out.text('* ').number(tracker.recentCount).text(' RECENT\r\n')
  }
  if (news.keywordsGrew) tellFlags(out, view, tracker.readOnly)
  const share = new FairShare(() => talk.services.clock.monotonicMs())
  for (const [n, uid] of news.changedUids.entries()) {
    if ((n & 255) === 255) await share.pause()
    const sequence = tracker.sequenceOf(uid)
    const index = view.indexOf(uid)
    if (sequence === undefined || index === undefined) continue
    out.text('* ').number(sequence).text(' FETCH (')
    // RFC 7162 §3.2.4: with QRESYNC the UID comes along, and it never hurts once CONDSTORE is on.
    if (enabled.condstore) out.text('UID ').number(uid).text(' MODSEQ (').number(view.modseqAt(index)).text(') ')
    out.text('FLAGS (').text(printFlags(view.bitsAt(index), view.keywordText(view.keywordsAt(index)), tracker.isRecent(uid))).text('))\r\n')
    await talk.breathe()
  }
}

/** FLAGS and PERMANENTFLAGS: what the mailbox knows. */
export function tellFlags(out: ResponseBuffer, view: MailboxView, readOnly: boolean): void {
  const known = [SYSTEM_FLAGS_TEXT, ...view.knownKeywords].join(' ')
  out.text(`* FLAGS (${known})\r\n`)
  out.text(readOnly ? '* OK [PERMANENTFLAGS ()] read-only\r\n' : `* OK [PERMANENTFLAGS (${known} \\*)] flags that stay\r\n`)
}
