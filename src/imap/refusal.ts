// What the store would not do, as an answer with its response code (RFC 5530).
import type { ChangeRefusal, Outcome } from '../store/store.ts'
import { no } from './answer.ts'
import type { Answer } from './answer.ts'

const CODES: Record<ChangeRefusal, string | undefined> = {
  'no-such-mailbox': 'NONEXISTENT',
  exists: 'ALREADYEXISTS',
  'bad-name': 'CANNOT',
  'over-quota': 'OVERQUOTA',
  'too-many': 'LIMIT',
  'not-allowed': 'CANNOT',
  'no-such-thing': undefined,
}

/** `missing`: the code when the mailbox is not there; COPY and APPEND say TRYCREATE. */
export function refusal(outcome: Extract<Outcome<unknown>, { end: 'refused' }>, missing = 'NONEXISTENT'): Answer {
  return no(outcome.reason, outcome.code === 'no-such-mailbox' ? missing : CODES[outcome.code])
}
