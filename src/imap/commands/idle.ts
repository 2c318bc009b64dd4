// IDLE (RFC 2177): news the moment the store tells of it, until DONE.
import { latin1Of } from '../../base/bytes.ts'
import { errorSentence } from '../../base/errors.ts'
import { bad, ok } from '../answer.ts'
import type { Conversation } from '../conversation.ts'
import { tellNews } from '../news.ts'
import { PeerGone } from '../peer.ts'

export function idle(talk: Conversation): 'goes-on' {
  const { state } = talk
  let over = false
  let telling = false
  let again = false

  const tell = async (): Promise<void> => {
    if (state.at !== 'selected') return
    again = true
    if (telling) return
    telling = true
    try {
      while (again && !over) {
        again = false
        await state.selected.shared.refresh()
        if (over) break
        tellNews(talk.out, state.selected.tracker, talk.enabled, true)
        await talk.flush()
      }
    } catch (error) {
      // The client hears of it with its next command; a refresh that failed is tried again then.
      if (!(error instanceof PeerGone)) talk.services.log.warn('no news for an idle session', { error: errorSentence(error) })
    } finally {
      telling = false
    }
  }

  const stop = state.at === 'selected' ? state.selected.shared.onStale(() => void tell()) : () => undefined
  talk.out.text('+ idling\r\n')
  talk.converse({
    what: 'idle',
    take: async (line) => {
      over = true
      return line !== undefined && latin1Of(line).trim().toUpperCase() === 'DONE' ? ok('done') : bad('expected DONE')
    },
    close: () => {
      over = true
      stop()
    },
  })
  // What came before IDLE was said is told at once.
  void tell()
  return 'goes-on'
}
