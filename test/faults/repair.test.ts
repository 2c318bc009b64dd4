// The commands on the real process, running and stopped: damage is found, foretold, mended; the mailbox is as it was.
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import test from 'node:test'
import { startDaruma, type DarumaProcess } from '../harness/daruma-process.ts'
import { segmentsIn } from '../torture/damage.ts'

interface Report {
  check: { findings: { code: string; severity: string }[] } | null
  planned: unknown[]
  done: unknown[]
  failed: unknown[]
  unknown: unknown[]
}

const message = (n: number) => `Subject: number ${n}\r\n\r\nwords ${n}\r\n`
const codes = (report: Report) => [...new Set((report.check?.findings ?? []).map(({ code }) => code))]

async function report(server: DarumaProcess, ...args: string[]): Promise<Report> {
  const ended = await server.command([...args, '--json'])
  assert.ok(ended.stdout.startsWith('{'), `${args.join(' ')}: ${ended.stdout}${ended.stderr}`)
  return JSON.parse(ended.stdout) as Report
}

async function mailbox(server: DarumaProcess): Promise<string> {
  const client = await server.imap('ada@test.example', 'secret-1234')
  const status = await client.statusOf('INBOX', 'MESSAGES UIDNEXT UIDVALIDITY UNSEEN')
  await client.command('EXAMINE INBOX')
  const rows = await client.fetch('1:*', '(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])')
  await client.logout()
  return JSON.stringify([status, rows.map(({ sequenceNumber, items }) => [sequenceNumber, [...items].map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString('latin1') : name === 'FLAGS' && Array.isArray(value) ? value.filter((flag) => flag !== '\\Recent') : value])])])
}

test('check, repair, rebuild and scrub on a running and on a stopped server', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret-1234' }, config: '[journal]\nsegment_size = "1M"\n' })
  const client = await server.imap('ada@test.example', 'secret-1234')
  for (let n = 0; n < 12; n += 1) await client.command(`APPEND INBOX (${n % 2 ? '\\Seen' : ''}) {${message(n).length}+}\r\n${message(n)}`)
  await client.logout()
  const before = await mailbox(server)
  assert.deepEqual(codes(await report(server, 'check')), [])
  assert.deepEqual(codes(await report(server, 'check', '--full')), [])
  for (const target of ['ada@test.example', 'directory', 'queue']) {
    const rebuilt = await report(server, 'rebuild', target)
    assert.deepEqual([rebuilt.done.length, rebuilt.failed, rebuilt.unknown], [1, [], []], target)
  }
  assert.equal(await mailbox(server), before)
  await server.stop()
  assert.deepEqual(codes(await report(server, 'check', '--full')), [])
  const path = segmentsIn(server.data).find((each) => readFileSync(each).includes('Subject: number 7')) as string
  const at = readFileSync(path).indexOf('Subject: number 7') + 9
  const put = (octet: number) => {
    const file = openSync(path, 'r+')
    writeSync(file, Uint8Array.of(octet), 0, 1, at)
    closeSync(file)
  }
  put(0x4e)
  const found = await server.command(['check', '--full', '--json'])
  assert.equal(found.code, 1)
  assert.deepEqual(codes(JSON.parse(found.stdout) as Report), ['segment-bytes'])
  put(0x6e)
  const all = await report(server, 'rebuild', '--all', '--from-journal')
  assert.deepEqual([all.done.length, all.failed, all.unknown], [3, [], []])
  await server.start()
  assert.deepEqual(codes(await report(server, 'scrub')), [])
  assert.equal(await mailbox(server), before)
})
