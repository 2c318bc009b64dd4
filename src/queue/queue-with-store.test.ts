// The queue over the real store: what the fake one of the other tests takes for granted.
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesOf, latin1Of } from '../base/bytes.ts'
import { systemClock, type Clock } from '../base/clock.ts'
import { defaultLimits } from '../base/limits.ts'
import { silentLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import { scriptedServer } from '../clients/scripted-server-for-tests.ts'
import { until } from '../net/loopback-for-tests.ts'
import { Sweeper } from '../net/sweeper.ts'
import { openInlineStore } from '../store/inline.ts'
import type { ArrivalMeta, Sequence, Store, WorkDraft } from '../store/store.ts'
import { createQueue } from './queue.ts'
import type { DeliverReport, Queue } from './queue.ts'

async function openStore(t: TestContext): Promise<{ store: Store; reopen: () => Promise<Store> }> {
  const folder = mkdtempSync(join(tmpdir(), 'daruma-queue-'))
  const open = async () => {
    const opened = await openInlineStore({ dataDirectory: folder, clock: systemClock, random: seededRandom(5), segmentSizeOctets: 4 * 1024 * 1024 })
    if (!opened.ok) throw new Error(opened.reason)
    return opened.value
  }
  let now = await open()
  t.after(async () => {
    await now.close()
    rmSync(folder, { recursive: true })
  })
  return {
    store: now.store,
    async reopen() {
      await now.close()
      now = await open()
      return now.store
    },
  }
}

function submit(store: Store, work: WorkDraft[], more: Partial<ArrivalMeta> = {}, text = 'Subject: hello\r\nMessage-ID: <m1@us.example>\r\n\r\nhello\r\n'): Promise<Sequence> {
  const bytes = bytesOf(text)
  return store.accept(
    { kind: 'arrival', sender: 'a@us.example', via: 'submission', facts: { size: bytes.length, messageId: 'm1@us.example', threadKeys: [] }, plans: [], work, relayPrefix: 'Received: by us\r\n', ...more },
    { at: 'memory', bytes, sha256: new Uint8Array(createHash('sha256').update(bytes).digest()) })
}

/** Reports go out by SMTP like everything else. */
function relayReports(store: Store): DeliverReport {
  return async ({ to, bytes, origin }) => {
    await submit(store, [{ recipient: to, domain: to.slice(to.lastIndexOf('@') + 1) }], { sender: '', via: 'bounce', origin, relayPrefix: '' }, latin1Of(bytes))
    return { kept: true }
  }
}

function start(t: TestContext, store: Store, port: number, deliverReport: DeliverReport = relayReports(store), clock: Clock = systemClock): Queue {
  const queue = createQueue({
    store, clock, random: seededRandom(9), log: silentLog, sweeper: new Sweeper({ clock: systemClock, tickMs: 20 }), deliverReport,
    resolver: { resolve: async (name) => ({ kind: 'trouble', code: 'timeout', reason: name }) },
    config: { hostname: 'us.example', outbound: { port: 25, routes: [{ domain: '*', host: '127.0.0.1', port }] }, limits: { ...defaultLimits, queue_per_destination_max: 1 }, ownDoors: [] },
  })
  t.after(() => queue.close(0))
  return queue
}

const HELLO = 'S: 220 hi\nC: EHLO us.example\nS: 250-hi\nS: 250 DSN'

test('one taken, one refused: the refusal comes back to the sender as a report, exactly once', async (t) => {
  const { store } = await openStore(t)
  const server = await scriptedServer(t, [`${HELLO}
    C: MAIL FROM:<a@us.example> RET=HDRS ENVID=e+2B1\nS: 250 ok
    C: RCPT TO:<b@far.example>\nS: 250 ok
    C: RCPT TO:<c@far.example> NOTIFY=FAILURE ORCPT=rfc822;C@far.example\nS: 550 5.1.1 no such user
    C: DATA\nS: 354 go\nD\nS: 250 2.0.0 taken`, `${HELLO}
    C: MAIL FROM:<>\nS: 250 ok
    C: RCPT TO:<a@us.example>\nS: 250 ok
    C: DATA\nS: 354 go\nD\nS: 250 2.0.0 taken`])
  const queue = start(t, store, server.port)
  const arrival = await submit(store, [
    { recipient: 'b@far.example', domain: 'far.example' },
    { recipient: 'c@far.example', domain: 'far.example', notify: 'FAILURE', orcpt: 'rfc822;C@far.example' },
  ], { ret: 'HDRS', envid: 'e+1' })
  await until(() => server.data.length === 2)
  await queue.close()
  await server.done
  const rows = await store.queue.ofArrival(arrival)
  assert.deepEqual(rows.map(({ state, attempts, lastReply }) => [state, attempts, lastReply]), [['done', 1, '250 2.0.0 taken'], ['failed', 1, '550 5.1.1 no such user']])
  assert.equal(server.data[0], 'Received: by us\r\nSubject: hello\r\nMessage-ID: <m1@us.example>\r\n\r\nhello\r\n')
  assert.match(server.data[1] ?? '', /In-Reply-To: <m1@us\.example>\r\n[\s\S]*Final-Recipient: rfc822; c@far\.example\r\nAction: failed\r\nStatus: 5\.1\.1/)
  assert.deepEqual(await store.queue.outbox(10), [])
  assert.deepEqual(await store.queue.counts(), { waiting: 0, held: 0 })
})

test('killed after "attempt begun": not due before its back-off, and then sent', async (t) => {
  const { store, reopen } = await openStore(t)
  const arrival = await submit(store, [{ recipient: 'b@far.example', domain: 'far.example' }])
  const work = { arrival, n: 0 }
  const dueMs = systemClock.nowMs() + 400
  await store.submitQueue({ kind: 'attempt-begun', works: [work], dueMs })
  const again = await reopen()
  assert.deepEqual(await again.queue.due(dueMs - 1, 10), [])
  const server = await scriptedServer(t, [`${HELLO}\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nD\nS: 250 ok`])
  const queue = start(t, again, server.port)
  await server.done
  await queue.close()
  const [row] = await again.queue.ofArrival(arrival)
  assert.deepEqual([row?.state, row?.attempts], ['done', 2])
})

test('a report made before the kill is not made again: its origin is known', async (t) => {
  const { store, reopen } = await openStore(t)
  const arrival = await submit(store, [{ recipient: 'b@far.example', domain: 'far.example' }])
  await store.submitQueue({ kind: 'settled', settlements: [{ work: { arrival, n: 0 }, outcome: { end: 'failed', reply: '550 no', remote: 'mx', status: '5.0.0' }, report: 'failed' }] })
  const [owed] = await store.queue.outbox(10)
  assert.ok(owed)
  const report = { to: 'a@us.example', bytes: bytesOf('From: x\r\n\r\n'), origin: { database: owed.database, position: owed.position, n: owed.n }, smtputf8: false }
  await relayReports(store)(report)
  const again = await reopen() // the row was not struck out
  assert.equal((await again.queue.outbox(10)).length, 1)
  const server = await scriptedServer(t, [`${HELLO}\nC: MAIL FROM:<>\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nD\nS: 250 ok`])
  const queue = start(t, again, server.port)
  await server.done
  while ((await again.queue.outbox(10)).length > 0 || (await again.queue.counts()).waiting > 0) await new Promise((resolve) => setImmediate(resolve))
  await queue.close()
  assert.equal(server.data.length, 1)
  assert.equal((await again.queue.list(10)).length, 0)
})

test('forty days on the clock while the server was off: the mail is as old as servers have lived, so it is tried again', async (t) => {
  const { store, reopen } = await openStore(t)
  const arrival = await submit(store, [{ recipient: 'b@far.example', domain: 'far.example' }])
  await store.submitQueue({ kind: 'tick', minutes: 30 })
  const again = await reopen()
  assert.equal((await again.queue.get({ arrival, n: 0 }))?.livedMinutes, 30)
  const later = { ...systemClock, nowMs: () => systemClock.nowMs() + 40 * 24 * 3600_000 }
  const server = await scriptedServer(t, [`${HELLO}\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 451 4.2.0 not now\nC: RSET\nS: 250 ok`])
  const queue = start(t, again, server.port, relayReports(again), later)
  await server.done
  await queue.close()
  const [row] = await again.queue.ofArrival(arrival)
  assert.deepEqual([row?.state, row?.attempts, row?.lastReply, row?.delayNotified], ['waiting', 1, '451 4.2.0 not now', false])
  assert.deepEqual(await again.queue.outbox(10), [])
})
