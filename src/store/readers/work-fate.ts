// What has become of one outbound recipient, as a sentence for the operator; the same from every engine.
// It never says that somebody was told who was not, nor that a host answered what was found here.
import { isPeersReply, owesReport } from '../../wire/smtp/owed-report.ts'
import type { WorkRow } from '../operations.ts'

export function workFate(row: WorkRow | undefined): string {
  if (!row) return 'on its way into the queue'
  const last = lastWords(row)
  switch (row.state) {
    case 'waiting': return `waiting, next attempt ${new Date(row.dueMs).toISOString()}, ${row.attempts} so far${last}`
    case 'held': return `held by the operator${last}`
    case 'done': return `sent${last}`
    case 'failed': return `failed${whoWasTold(row)}${last}`
    case 'deleted': return 'deleted from the queue by the operator'
  }
}

function whoWasTold(row: WorkRow): string {
  if (row.sender === '') return '; nobody is told, since it came from the null sender'
  return owesReport(row, 'FAILURE') ? ', the sender was told' : '; the sender did not ask to be told'
}

function lastWords({ lastReply, lastRemote }: WorkRow): string {
  if (lastReply === null || lastReply === '') return ''
  const [verb, preposition] = isPeersReply(lastReply) ? ['last answer', 'of'] : ['found', 'at']
  return `; ${verb}${lastRemote === null || lastRemote === '' ? '' : ` ${preposition} ${lastRemote}`}: ${lastReply}`
}
