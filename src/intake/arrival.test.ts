// Which reports of success an arrival owes (RFC 3461): decided with everything else, before it is kept.
import test from 'node:test'
import assert from 'node:assert/strict'
import { FakeClock } from '../base/clock.ts'
import { defaultLimits } from '../base/limits.ts'
import { seededRandom } from '../base/random.ts'
import { createMemoryBudget } from '../guard/guard.ts'
import { accountId, type ArrivalMeta, type Directory } from '../store/store.ts'
import { draftArrival } from './arrival.ts'
import { BodyCollector } from './body-collector.ts'
import type { EnvelopeRecipient, Peer } from './envelope.ts'

const directory: Directory = {
  isCurrent: true, domain: () => undefined, domains: () => [], account: () => undefined, accountByKey: () => undefined, accounts: () => [],
  aliasByKey: () => undefined, aliases: () => [], setting: () => undefined, octetsUsed: () => 0,
}
const peer: Peer = { via: 'smtp', address: '192.0.2.1', helo: 'client.example', isExtended: true, tls: undefined, submitter: undefined }

async function workOf(sender: string, recipients: EnvelopeRecipient[]): Promise<ArrivalMeta['work']> {
  const body = new BodyCollector({ budget: createMemoryBudget(100_000), limits: defaultLimits, largeWriter: () => assert.fail('small enough for memory'), hasRoom: () => true })
  body.add(Buffer.from('Subject: x\r\n\r\n'))
  const drafted = await draftArrival(peer, { sender: { address: sender, parameters: {} }, recipients }, body, {
    directory, clock: new FakeClock(), random: seededRandom(1), limits: defaultLimits, hostname: 'mx.here.example', traceId: () => 't',
    delivery: { subaddressSeparator: '+', postmaster: undefined }, receivedShowsClient: false,
  })
  return drafted.ok ? drafted.meta.work : assert.fail(drafted.reply.lines.join(' '))
}

const here = (address: string, notify?: string, outside: string[] = []): EnvelopeRecipient =>
  ({ address, parameters: notify === undefined ? {} : { notify, orcpt: `rfc822;${address}` }, accounts: [accountId(100)], outside })

test('a recipient of ours who is to be reported about is work that has ended', async () => {
  assert.deepEqual(await workOf('a@client.example', [here('user@here.example', 'SUCCESS,FAILURE'), here('User@here.example', 'SUCCESS')]), [
    { recipient: 'user@here.example', domain: 'here.example', notify: 'SUCCESS,FAILURE', orcpt: 'rfc822;user@here.example', deliveredHere: true },
  ])
  for (const notify of [undefined, 'NEVER', 'FAILURE,DELAY']) assert.deepEqual(await workOf('a@client.example', [here('user@here.example', notify)]), [], notify ?? 'no NOTIFY')
  assert.deepEqual(await workOf('', [here('user@here.example', 'SUCCESS')]), [], 'nobody reports to the null sender')
})

test('an address that is here and elsewhere owes both: the report, and the next server its own', async () => {
  const work = await workOf('a@client.example', [here('team@here.example', 'SUCCESS', ['far@one.example'])])
  assert.deepEqual(work.map(({ recipient, deliveredHere, notify }) => [recipient, deliveredHere, notify]), [['far@one.example', undefined, 'SUCCESS'], ['team@here.example', true, 'SUCCESS']])
})
