import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sequence } from '../ids.ts'
import type { WorkRow } from '../operations.ts'
import { workFate } from './work-fate.ts'

const row = (more: Partial<WorkRow>): WorkRow => ({
  id: { arrival: sequence(7), n: 0 }, sender: 'ada@example.org', recipient: 'bo@example.net', domain: 'example.net', notify: null, orcpt: null, envid: null, ret: null,
  smtputf8: false, bodyType: '7BIT', size: 3, relayPrefix: '', submitter: null, messageId: null, state: 'failed', createdMs: 0, dueMs: Date.UTC(2026, 0, 2), attempts: 2,
  lastAttemptMs: 0, lastReply: null, lastRemote: null, delayNotified: false, livedMinutes: 0, ...more,
})

test('"the sender was told" is said only when a report of the failure was owed (RFC 3461 §4.1, RFC 5321 §4.5.5)', () => {
  for (const notify of [null, 'FAILURE', 'SUCCESS,FAILURE']) assert.equal(workFate(row({ notify })), 'failed, the sender was told')
  for (const notify of ['NEVER', 'SUCCESS', 'DELAY']) assert.equal(workFate(row({ notify })), 'failed; the sender did not ask to be told')
  assert.equal(workFate(row({ sender: '' })), 'failed; nobody is told, since it came from the null sender')
})

test('"last answer" is said of replies only; what we found ourselves nobody answered', () => {
  assert.equal(workFate(row({ state: 'done', lastReply: '250 2.0.0 ok', lastRemote: 'mx.example.net [192.0.2.1]:25' })), 'sent; last answer of mx.example.net [192.0.2.1]:25: 250 2.0.0 ok')
  assert.equal(workFate(row({ lastReply: '550 5.1.1 nobody', lastRemote: '' })), 'failed, the sender was told; last answer: 550 5.1.1 nobody')
  assert.equal(workFate(row({ lastReply: 'example.net has no mail server (null MX)', lastRemote: 'example.net' })), 'failed, the sender was told; found at example.net: example.net has no mail server (null MX)')
  assert.equal(
    workFate(row({ state: 'waiting', lastReply: 'given up: the server is stopping', lastRemote: null })),
    'waiting, next attempt 2026-01-02T00:00:00.000Z, 2 so far; found: given up: the server is stopping')
})
