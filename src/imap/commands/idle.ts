// IDLE (RFC 2177): news the moment the store tells of it, until DONE.
import { latin1Of } from '../../base/bytes.ts'
import { errorSentence } from '../../base/errors.ts'
import { bad, ok } from '../answer.ts'
import type { Conversation } from '../conversation.ts'
import { tellNews } from '../news.ts'
import { PeerGone } from '../peer.ts'
import type { SelectedMailbox } from '../session-state.ts'

export function idle(talk: Conversation): 'goes-on' {
  const { state } = talk
  let over = false
  let isTelling = false
  let again = false
  let telling = Promise.resolve()

  const tellAll = async (selected: SelectedMailbox): Promise<void> => {
    isTelling = true
    try {
      while (again && !over) {
        again = false
        await selected.shared.refresh()
        if (over) break
        await tellNews(talk, selected.tracker, true)
        await talk.flush()
      }
    } catch (error) {
      // The client hears of it with its next command; a look that failed is tried again then.
      if (!(error instanceof PeerGone)) talk.services.log.warn('no news for an idle session', { error: errorSentence(error) })
    } finally {
      isTelling = false
    }
  }
  const tell = () => {
    if (state.at !== 'selected') return
    again = true
    if (!isTelling) telling = tellAll(state.selected)
  }

  const stop = state.at === 'selected' ? state.selected.shared.onStale(tell) : () => undefined
  talk.out.text('+ idling\r\n')
  talk.converse({
    what: 'idle',
    take: async (line) => {
      over = true
      await telling // what is half said is said to its end before the answer
      return line !== undefined && latin1Of(line).trim().toUpperCase() === 'DONE' ? ok('done') : bad('expected DONE')
    },
    close: () => {
      over = true
      stop()
    },
  })
  // What came before IDLE was said is told at once.
  tell()
  return 'goes-on'
}
