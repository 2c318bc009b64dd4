// SEARCH and UID SEARCH (RFC 3501 §6.4.4; RFC 4731 ESEARCH; RFC 7162 MODSEQ).
import type { Command } from '../../wire/imap/command.ts'
import type { SearchReturn } from '../../wire/imap/parse-search.ts'
import { printSet, runsOf } from '../../wire/imap/sequence-set.ts'
import { bad, no, ok } from '../answer.ts'
import type { Answer } from '../answer.ts'
import type { Conversation } from '../conversation.ts'
import { compileSearch } from '../search-program.ts'
import { runSearch } from '../search-run.ts'
import type { Found } from '../search-run.ts'
import type { SelectedMailbox } from '../session-state.ts'

export async function search(talk: Conversation, selected: SelectedMailbox, command: Extract<Command, { name: 'SEARCH' }>): Promise<Answer> {
  const { state, services, out } = talk
  if (state.at !== 'selected') return bad('select a mailbox first')
  const saves = command.returns?.has('SAVE') === true
  const compiled = compileSearch(command.key, command.charset, selected.tracker, services.clock.nowMs())
  if (!compiled.ok) {
    if (saves) selected.tracker.savedUids = [] // RFC 5182 §2.1: after a NO "$" is empty
    if (compiled.because === 'set') return bad('no such message')
    if (compiled.because === 'too-large') return no('too many strings for one search', 'LIMIT')
    return no('this charset is not known', 'BADCHARSET (US-ASCII UTF-8 ISO-2022-JP SHIFT_JIS EUC-JP)')
  }
  const { program } = compiled
  if (program.usesModseq) talk.enableCondstore()
  const found = await runSearch(services, state.user, selected, program)
  const numberOf = (message: Found) => (command.uid ? message.uid : message.sequence)
  if (!command.returns) {
    out.text('* SEARCH')
    for (const message of found) {
      out.text(' ').number(numberOf(message))
      await talk.breathe()
    }
    if (program.usesModseq && found.length > 0) out.text(` (MODSEQ ${highestModseq(found)})`)
    out.end()
    return ok('done')
  }
  if (saves) selected.tracker.savedUids = runsOf(savedOf(found, command.returns).map((message) => message.uid)).flat()
  // RFC 5182 §2.2: with SAVE alone there is nothing to say.
  if (saves && command.returns.size === 1) return ok('saved')
  out.text('* ESEARCH (TAG ').string(talk.tag).text(command.uid ? ') UID' : ')')
  const first = found[0]
  const last = found.at(-1)
  if (first && last) {
    if (command.returns.has('MIN')) out.text(' MIN ').number(numberOf(first))
    if (command.returns.has('MAX')) out.text(' MAX ').number(numberOf(last))
    if (command.returns.has('ALL')) out.text(` ALL ${printSet(found.map(numberOf))}`)
  }
  if (command.returns.has('COUNT')) out.text(' COUNT ').number(found.length)
  if (program.usesModseq && first && last) {
    // RFC 7162 §3.1.10: of what is returned, if that is only the ends.
    const onlyEnds = !command.returns.has('ALL') && !command.returns.has('COUNT')
    const told = onlyEnds ? [...(command.returns.has('MIN') ? [first] : []), ...(command.returns.has('MAX') ? [last] : [])] : found
    out.text(` MODSEQ ${highestModseq(told)}`)
  }
  out.end()
  return ok('done')
}

/** RFC 5182 §2.4: if only the ends are asked for, only they are saved. */
function savedOf(found: readonly Found[], returns: ReadonlySet<SearchReturn>): readonly Found[] {
  if (returns.has('ALL') || returns.has('COUNT') || (!returns.has('MIN') && !returns.has('MAX'))) return found
  const first = returns.has('MIN') ? found.slice(0, 1) : []
  const last = returns.has('MAX') ? found.slice(-1) : []
  return first[0] === last[0] ? first : [...first, ...last]
}

function highestModseq(found: readonly Found[]): number {
  let highest = 0
  for (const { modseq } of found) if (modseq > highest) highest = modseq
  return highest
}
