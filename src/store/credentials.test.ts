import test from 'node:test'
import assert from 'node:assert/strict'
import { makeCredential, nobodysCredential, verifyPassword } from './credentials.ts'
import { seededRandom, systemRandom } from '../base/random.ts'

test('a password verifies against its own credential and no other does', async () => {
  const credential = await makeCredential('だるま-secret', { random: systemRandom, scram: true })
  assert.equal(await verifyPassword(credential, 'だるま-secret'), true)
  assert.equal(await verifyPassword(credential, 'だるま-secreT'), false)
  assert.equal(await verifyPassword(nobodysCredential, ''), false)
})

test('full-width letters are the same password as plain ones', async () => {
  const credential = await makeCredential('ｐａｓｓ１', { random: systemRandom, scram: false })
  assert.equal(await verifyPassword(credential, 'pass1'), true)
})

test('the SCRAM verifier is the one of RFC 7677 §3 for its password and salt', async () => {
  const random = { ...seededRandom(1), bytes: () => new Uint8Array(Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')) }
  const { scram } = await makeCredential('pencil', { random, scram: true })
  assert.match(scram ?? '', /^4096:W22ZaJ0SNY7soEsUEjb6gQ==:WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=$/)
})
