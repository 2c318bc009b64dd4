// The list of addresses for the understudy: the same answers as RCPT gives, put off where anything is doubtful,
// and not one flipped bit that makes a known address an unknown one.
import test from 'node:test'
import assert from 'node:assert/strict'
import { SimulatedDisk } from '../base/simulated-disk.ts'
import { seededRandom } from '../base/random.ts'
import { accountId, addressKey, type AccountRow, type AliasRow, type Directory, type DomainRow } from '../store/store.ts'
import { DOOR_FILE, DOOR_STALE_FILE, doorListOf, judgeAtDoor, markDoorStale, parseDoorList, printDoorList, writeDoorFile, type DoorAnswer, type DoorList } from './door-file.ts'
import { resolveRecipient } from './resolve-recipient.ts'

const delivery = { subaddressSeparator: '+', postmaster: undefined }
const settings = { hostname: 'mx.example.org', delivery, nowMs: 1_700_000_000_000 }

interface Given { domains?: DomainRow[]; accounts?: (string | [string, 'suspended'])[]; aliases?: Record<string, string[]>; isCurrent?: boolean; settings?: Record<string, string> }

function directoryOf({ domains = [{ name: 'example.org', catchAll: null }], accounts = ['ada@example.org'], aliases = {}, isCurrent = true, settings: settings_ = {} }: Given): Directory {
  const rows = accounts.map((given, n): AccountRow => {
    const [address, suspended] = typeof given === 'string' ? [given] : given
    return { account: accountId(100 + n), address, addressKey: addressKey(address), suspended: suspended !== undefined, octetsMax: null, credential: { argon2: '', scram: null }, createdMs: 0 }
  })
  const byKey = new Map(rows.map((row) => [row.addressKey, row]))
  const aliasRows = new Map(Object.entries(aliases).map(([address, targets]): [string, AliasRow] => [addressKey(address), { address, addressKey: addressKey(address), targets }]))
  return {
    isCurrent, domain: (name) => domains.find((domain) => domain.name === name), domains: () => domains, account: (account) => rows.find((row) => row.account === account),
    accountByKey: (key) => byKey.get(key), accounts: () => rows, aliasByKey: (key) => aliasRows.get(key), aliases: () => aliasRows.values(), setting: (name) => settings_[name], octetsUsed: () => 0,
  }
}

const answer = (given: Given, address: string, rules = delivery): DoorAnswer => {
  const parsed = parseDoorList(printDoorList(doorListOf(directoryOf(given), { ...settings, delivery: rules })))
  assert.ok(parsed.ok)
  return judgeAtDoor(parsed.value, address)
}

test('each kind of address', () => {
  const given: Given = {
    domains: [{ name: 'example.org', catchAll: null }, { name: 'all.example', catchAll: 'ada@example.org' }, { name: 'away.example', catchAll: 'x@elsewhere.example' }, { name: 'lost.example', catchAll: 'nobody@example.org' }, { name: '日本.example', catchAll: null }],
    accounts: ['Ada@example.org', 'a-b@example.org', ['gone@example.org', 'suspended'], '太郎@日本.example'],
    aliases: { 'info@example.org': ['ada@example.org'], 'out@example.org': ['x@elsewhere.example'], 'round@example.org': ['trip@example.org'], 'trip@example.org': ['round@example.org'], 'ada@example.org': ['x@elsewhere.example'] },
  }
  const table: [string, DoorAnswer][] = [
    ['ada@example.org', 'take'], ['ADA@EXAMPLE.ORG.', 'take'], ['"ada"@example.org', 'take'], ['ada+tag@example.org', 'take'], ['ada+a+b@example.org', 'take'],
    ['info@example.org', 'take'], ['info+x@example.org', 'take'], ['out@example.org', 'take'], ['a-b@example.org', 'take'],
    ['nobody@example.org', 'unknown-user'], ['nobody+ada@example.org', 'unknown-user'], ['+ada@example.org', 'unknown-user'], ['a-c@example.org', 'unknown-user'],
    ['gone@example.org', 'defer'], ['gone+tag@example.org', 'defer'], ['round@example.org', 'defer'],
    ['postmaster', 'take'], ['Postmaster@example.org', 'take'], ['postmaster@[192.0.2.1]', 'take'], ['ada@[192.0.2.1]', 'elsewhere'],
    ['whoever@all.example', 'take'], ['whoever@away.example', 'take'], ['whoever@lost.example', 'defer'],
    ['ada@elsewhere.example', 'elsewhere'], ['ada@sub.example.org', 'elsewhere'], ['postmaster@elsewhere.example', 'elsewhere'],
    ['太郎@xn--wgv71a.example', 'take'], ['次郎@日本.example', 'unknown-user'], ['ada', 'unknown-user'],
  ]
  for (const [address, expected] of table) assert.equal(answer(given, address), expected, address)
  assert.equal(answer(given, 'a-b-tag@example.org', { subaddressSeparator: '-', postmaster: undefined }), 'take')
  assert.equal(answer(given, 'ada+tag@example.org', { subaddressSeparator: '', postmaster: undefined }), 'unknown-user')
  assert.equal(answer({ accounts: [] }, 'postmaster@example.org'), 'defer')
})

test('never "no such user" where the server would take the mail, never taken where it would not', () => {
  const random = seededRandom(7)
  const locals = ['a', 'b', 'a+b', 'c-d', 'postmaster', 'e', '"x y"']
  const names = ['one.example', 'two.example', 'three.example']
  const pick = <T>(from: readonly T[]): T => from[random.int(from.length)] as T
  const address = (): string => `${pick(locals)}@${pick(names)}`
  for (let round = 0; round < 300; round += 1) {
    const given: Given = {
      domains: names.slice(0, 1 + random.int(3)).map((name) => ({ name, catchAll: random.int(3) === 0 ? address() : null })),
      accounts: [...new Set([address(), address()])].slice(0, random.int(3)),
      aliases: Object.fromEntries(Array.from({ length: random.int(4) }, () => [address(), [address(), ...(random.int(4) === 0 ? ['x@away.example'] : [])]])),
    }
    const directory = directoryOf(given)
    for (const local of [...locals, 'z', 'a+b+c', 'b+']) {
      for (const name of names) {
        const said = answer(given, `${local}@${name}`)
        const { end } = resolveRecipient(`${local}@${name}`, directory, delivery)
        const fits = { found: ['take', 'defer'], 'unknown-user': ['unknown-user', 'defer', 'take'], 'alias-loop': ['defer', 'take'], elsewhere: ['elsewhere'] }[end]
        assert.ok(fits.includes(said), `${local}@${name}: server ${end}, door ${said}: ${JSON.stringify(given)}`)
      }
    }
  }
})

test('damage and foreign versions are refused whole: every flipped bit, every cut', () => {
  const list: DoorList = doorListOf(directoryOf({ accounts: ['ada@example.org', 'bo@example.org'] }), settings)
  const bytes = printDoorList(list)
  assert.deepEqual(parseDoorList(bytes), { ok: true, value: list })
  for (let at = 0; at < bytes.length; at += 1) {
    const cut = parseDoorList(bytes.slice(0, at))
    assert.ok(!cut.ok || at === bytes.length - 1, `cut at ${at}`) // all but the newline at the end
    for (const bit of [1, 8, 32]) {
      const flipped = bytes.slice()
      flipped[at] = (flipped[at] as number) ^ bit
      const parsed = parseDoorList(flipped)
      if (parsed.ok) assert.deepEqual(parsed.value, list, `bit ${bit} of octet ${at}`)
    }
  }
  assert.equal(parseDoorList(new Uint8Array(0)).ok, false)
  const seal = (text: string) => parseDoorList(printSealed(text))
  assert.ok(!seal('{"version":2,"domains":[]').ok)
  assert.ok(!seal('{"version":1,"hostname":"x","writtenMs":1,"subaddressSeparator":"+","postmaster":true,"domains":[{"name":"a"}]').ok)
  assert.ok(!seal('nonsense').ok)
})

function printSealed(open: string): Uint8Array {
  const model = printDoorList({ hostname: '', writtenMs: 0, subaddressSeparator: '', postmaster: false, domains: new Map() })
  const tail = Buffer.from(model).toString('latin1').slice(-79)
  return new Uint8Array(Buffer.from(open + tail))
}

test('written whole, flushed, and the mark of an old list goes when the new one is there', () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) })
  disk.makeDirectory('/intake')
  const path = `/intake/${DOOR_FILE}`
  markDoorStale('/intake', disk)
  assert.ok(disk.exists(`/intake/${DOOR_STALE_FILE}`))
  markDoorStale('/intake', disk)
  assert.equal(writeDoorFile(directoryOf({ isCurrent: false }), settings, path, disk), false)
  assert.ok(disk.exists(`/intake/${DOOR_STALE_FILE}`) && !disk.exists(path))
  assert.equal(writeDoorFile(directoryOf({}), settings, path, disk), true)
  assert.ok(!disk.exists(`/intake/${DOOR_STALE_FILE}`))
  assert.ok(parseDoorList(disk.readWhole(path)).ok)
})

test('where there is no room for the mark, the list goes: whoever is new is put off, never refused', () => {
  for (const trouble of ['ENOSPC', 'EIO'] as const) {
    // Each call of the mark's writing in turn: made, written, flushed, renamed.
    for (let call = 1; ; call += 1) {
      const disk = new SimulatedDisk({ random: seededRandom(1) })
      disk.makeDirectory('/intake')
      writeDoorFile(directoryOf({}), settings, `/intake/${DOOR_FILE}`, disk)
      const before = disk.operations
      disk.failAt(before + call, trouble)
      markDoorStale('/intake', disk)
      const after = disk.operations
      disk.crash('lose')
      assert.ok(disk.exists(`/intake/${DOOR_STALE_FILE}`) || !disk.exists(`/intake/${DOOR_FILE}`), `${trouble} at call ${call}`)
      if (call > after - before) break
      assert.ok(call < 20)
    }
  }
})

test('a change while the list is written keeps its mark', () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) })
  disk.makeDirectory('/intake')
  const whole = directoryOf({})
  let asked = 0
  const directory: Directory = { ...whole, get isCurrent() { return (asked += 1) === 1 } }
  markDoorStale('/intake', disk)
  assert.equal(writeDoorFile(directory, settings, `/intake/${DOOR_FILE}`, disk), true)
  assert.ok(disk.exists(`/intake/${DOOR_STALE_FILE}`))
})

test('a hundred thousand addresses', () => {
  const accounts = Array.from({ length: 100_000 }, (_, n) => `first.last${n}@example.org`)
  const directory = directoryOf({ accounts })
  const bytes = printDoorList(doorListOf(directory, settings))
  assert.ok(bytes.length < 4_000_000, `${bytes.length} octets`)
  const parsed = parseDoorList(bytes)
  assert.ok(parsed.ok && judgeAtDoor(parsed.value, 'First.Last99999+x@example.org') === 'take')
})

test('a pause is known to the understudy, until when it lasts included; one that is over is not written', () => {
  const listOf = (untilMs: number | undefined) => {
    const parsed = parseDoorList(printDoorList(doorListOf(directoryOf({ settings: { 'pause.smtp-in': JSON.stringify({ sinceMs: 1, untilMs, why: 'a look' }) } }), settings)))
    assert.ok(parsed.ok)
    return parsed.value.pause
  }
  assert.deepEqual(listOf(undefined), { words: 'mail is put off by the administrator: a look; try again later' })
  assert.equal(listOf(settings.nowMs + 1)?.untilMs, settings.nowMs + 1)
  assert.equal(listOf(settings.nowMs), undefined)
})
