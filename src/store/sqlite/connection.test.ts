import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { Bug, Outage } from '../../base/errors.ts'
import { setPosition, readPosition } from '../operations/position.ts'
import { sequence } from '../ids.ts'
import { SCHEMA_VERSION } from '../schema.ts'
import { ask, Damaged, type Reading } from '../tx.ts'
import { assertSqliteVersion, SqliteReader, SqliteWriter } from './connection.ts'

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'daruma-sqlite-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

test('SQLite before 3.51.3 is refused', () => {
  for (const version of ['3.51.2', '3.50.9', '2.99.99', '0']) assert.throws(() => assertSqliteVersion(version), Outage, version)
  for (const version of ['3.51.3', '3.51.10', '3.52.0', '4.0.0']) assertSqliteVersion(version)
  assertSqliteVersion()
})

test('a new file is made once, and opened again as it was', async (t) => {
  const path = join(folderFor(t), 'mail.1.db')
  const first = new SqliteWriter(path, 'account')
  assert.equal(first.isNew, true)
  await first.transaction((tx) => setPosition(tx, 100, { epoch: 3, sequence: sequence(9) }))
  first.close()
  const second = new SqliteWriter(path, 'account')
  assert.equal(second.isNew, false)
  assert.deepEqual(await second.transaction((tx) => readPosition(tx, 100)), { epoch: 3, sequence: 9 })
  second.close()
  second.close()
})

test('a database of a newer program is not touched', (t) => {
  const path = join(folderFor(t), 'mail.1.db')
  new SqliteWriter(path, 'account').close()
  const raw = new DatabaseSync(path)
  raw.exec(`pragma user_version = ${SCHEMA_VERSION + 1}`)
  raw.close()
  assert.throws(() => new SqliteWriter(path, 'account'), (error) => error instanceof Outage && /newer Daruma/.test(error.message))
})

test('what was thrown rolls back, and the next transaction can begin', async () => {
  const writer = new SqliteWriter(':memory:', 'queue')
  await assert.rejects(writer.transaction(async (tx) => {
    await setPosition(tx, 1, { epoch: 1, sequence: sequence(5) })
    throw new Error('in the middle')
  }), /in the middle/)
  assert.equal(await writer.transaction((tx) => readPosition(tx, 1)), undefined)
  writer.begin()
  assert.throws(() => writer.begin(), Bug)
  writer.rollback()
  writer.rollback()
  writer.close()
})

test('a broken statement or rule of the schema is a bug, never an outage', async () => {
  const writer = new SqliteWriter(':memory:', 'account')
  await assert.rejects(writer.transaction((tx) => tx.run('insert into nowhere values (1)')), Bug)
  await assert.rejects(writer.transaction((tx) => tx.run('insert into position (database_id, epoch, sequence) values ($1, $2, $3)', 1, 'text', 2)), Bug)
  writer.close()
})

test('a garbled file is damaged; a lock held by somebody else is an outage', async (t) => {
  const folder = folderFor(t)
  const garbled = join(folder, 'garbled.db')
  writeFileSync(garbled, 'this is no database at all, but long enough to be looked at as one '.repeat(100))
  assert.throws(() => new SqliteWriter(garbled, 'account'), Damaged)
  const path = join(folder, 'mail.1.db')
  new SqliteWriter(path, 'account').close()
  const other = new DatabaseSync(path)
  other.exec('pragma locking_mode = exclusive; begin exclusive')
  assert.throws(() => new SqliteWriter(path, 'account', { lockWaitMs: 0 }), (error) => error instanceof Outage && error.code === 'SQLITE_BUSY')
  other.close()
})

function* countTwice(between: () => void): Reading<[number, number]> {
  const [first] = yield* ask('select count(*) from position')
  between()
  const [second] = yield* ask('select count(*) from position')
  return [first?.[0] as number, second?.[0] as number]
}

test('a reading sees one moment while the writer goes on, and a reader cannot write', async (t) => {
  const path = join(folderFor(t), 'mail.1.db')
  const writer = new SqliteWriter(path, 'account')
  const reader = new SqliteReader(path)
  const raw = new DatabaseSync(path)
  assert.deepEqual(reader.read(countTwice(() => raw.exec('insert into position values (100, 1, 1)'))), [0, 0])
  assert.deepEqual(reader.read(countTwice(() => {})), [1, 1])
  assert.throws(() => reader.read(ask('delete from position')), (error) => error instanceof Outage && error.code === 'SQLITE_READONLY')
  assert.deepEqual(reader.read(countTwice(() => {})), [1, 1], 'an error leaves no transaction open')
  raw.close()
  reader.close()
  writer.close()
})

test('a snapshot stands by itself', async (t) => {
  const folder = folderFor(t)
  const writer = new SqliteWriter(join(folder, 'mail.1.db'), 'account')
  await writer.transaction((tx) => setPosition(tx, 100, { epoch: 1, sequence: sequence(7) }))
  writer.snapshotTo(join(folder, 'snapshot.db'))
  await writer.transaction((tx) => setPosition(tx, 100, { epoch: 1, sequence: sequence(8) }))
  const copy = new SqliteWriter(join(folder, 'snapshot.db'), 'account')
  assert.equal(copy.isNew, false)
  assert.deepEqual(copy.integrityProblems(), [])
  assert.equal((await copy.transaction((tx) => readPosition(tx, 100)))?.sequence, 7)
  copy.close()
  writer.close()
})

test('a copy is made while the writer goes on, and holds one commit', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'daruma-copy-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const writer = new SqliteWriter(join(folder, 'queue.db'), 'queue')
  t.after(() => writer.close())
  const fill = (from: number, count: number) => writer.transaction(async (tx) => {
    for (let n = from; n < from + count; n++) await tx.run('insert into filler (n, text) values ($1, $2)', n, 'x'.repeat(500))
  })
  await writer.transaction(async (tx) => void (await tx.run('create table filler (n bigint primary key, text text not null)')))
  await fill(0, 20_000) // some 10 MiB: many steps of the copy
  let copied = false
  const copying = writer.copyTo(join(folder, 'copy.db')).finally(() => (copied = true))
  let rounds = 0
  for (; !copied; rounds++) {
    // In the midst of a transaction when a step of the copy comes: what a busy account is most of the time.
    await writer.transaction(async (tx) => {
      await tx.run('insert into filler (n, text) values ($1, $2)', 1_000_000 + rounds, 'y')
      await new Promise((resolve) => setImmediate(resolve))
      await tx.run('insert into filler (n, text) values ($1, $2)', 2_000_000 + rounds, 'y')
    })
  }
  await copying
  const copy = new DatabaseSync(join(folder, 'copy.db'))
  t.after(() => copy.close())
  const count = (where: string) => (copy.prepare(`select count(*) as n from filler where ${where}`).get() as { n: number }).n
  assert.deepEqual(copy.prepare('pragma integrity_check').all().map((row) => row['integrity_check']), ['ok'])
  assert.equal(count('n < 20000'), 20_000)
  assert.equal(count('n >= 1000000 and n < 2000000'), count('n >= 2000000'))
  assert.ok(rounds > 3)
})
