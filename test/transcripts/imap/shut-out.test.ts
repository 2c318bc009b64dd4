// A session that only listens hears of it when an operator suspends or deletes its account: not with its next
// command, which may be half an hour away.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { DirectoryChange } from '../../../src/store/store.ts'
import { ImapStage, PASSWORD, type FakeClient } from './imap-stage.ts'

let stage: ImapStage
before(async () => {
  stage = await ImapStage.open()
})
after(() => stage.close())

async function idling(address: string, mailbox: string | undefined): Promise<FakeClient> {
  const client = stage.connect()
  await client.line()
  assert.match((await client.command('a', `LOGIN ${address} "${PASSWORD}"`)).answer, /^OK /)
  if (mailbox !== undefined) assert.match((await client.command('b', `SELECT ${mailbox}`)).answer, /^OK /)
  client.send('c IDLE\r\n')
  assert.equal(await client.line(), '+ idling')
  return client
}

for (const how of ['suspended', 'deleted'] as const) {
  test(`${how} while idling`, async () => {
    const { account, address } = await stage.account()
    const { address: other } = await stage.account()
    const listening = [await idling(address, 'INBOX'), await idling(address, undefined)]
    const untouched = await idling(other, 'INBOX')
    const change: DirectoryChange = how === 'deleted' ? { kind: 'account-delete', account } : { kind: 'account-suspend', account, suspended: true }
    assert.equal((await stage.store.submitDirectory(change)).end, 'done')
    for (const client of listening) {
      assert.equal(await client.line(), '* BYE this account is suspended')
      assert.ok(client.ended)
    }
    untouched.send('DONE\r\n')
    assert.match(await untouched.line(), /^c OK /)
    untouched.session.close()
  })
}
