// Single octets of a store are flipped, one after the other, and a scrub has to find each (R10): in segments (with a
// mirror: found and written again; without: found, and that message never served), in snapshots, in databases (found
// if any answer changes, and made again). Run: node test/torture/bit-rot.ts --flips 1000 --seed 1
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { defaultLimits } from '../../src/base/limits.ts'
import { seededRandom } from '../../src/base/random.ts'
import { carryOutRepair, type RepairReport, type RepairWish } from '../../src/repair/repair.ts'
import { openInlineStore } from '../../src/store/inline.ts'

export interface BitRot {
  flips: number
  detected: number
  repaired: number
  /** After these every answer was the same: unused room of a database's page, or behind the last record of a segment. */
  harmless: number
  /** Mended by those who read it before the scrub came by. */
  healedAtOpen: number
  missed: string[]
}

const MESSAGES = 60

export async function bitRot({ flips, seed, mirrored }: { flips: number; seed: number; mirrored: boolean }): Promise<BitRot> {
  const root = mkdtempSync(join(tmpdir(), 'daruma-bit-rot-'))
  const [data, mirror] = [join(root, 'data'), join(root, 'mirror')]
  const mirrors = mirrored ? [mirror] : []
  const random = seededRandom(seed)
  const open = async () => {
    const opened = await openInlineStore({ dataDirectory: data, mirrors, clock: systemClock, random, segmentSizeOctets: 1024 * 1024, limits: { ...defaultLimits, snapshot_records: 20 } })
    assert.ok(opened.ok, opened.ok ? '' : opened.reason)
    return opened.value
  }
  const run = async (wish: RepairWish): Promise<RepairReport> => {
    const opened = await open()
    const inspection = await opened.store.inspect({ dataDirectory: data, mirrors, startedMs: Date.now() })
    try {
      return await carryOutRepair(wish, { inspection, clock: systemClock, signal: new AbortController().signal, onProgress: () => {} })
    } finally {
      inspection.close()
      await opened.close()
    }
  }
  try {
    const account = await fill(open)
    const result: BitRot = { flips: 0, detected: 0, repaired: 0, harmless: 0, healedAtOpen: 0, missed: [] }
    for (let n = 0; n < flips; n += 1) {
      const place = choose({ data, roots: mirrored ? [data, mirror] : [data], account, random })
      const before = readFileSync(place.path)
      flip(place.path, place.offset, before[place.offset] as number, 1 << random.int(8))
      result.flips += 1
      const report = await run({ kind: 'scrub', octetsPerSecond: 0 })
      const found = (report.check?.findings.length ?? 0) > 0
      if (found) result.detected += 1
      // Unused room of a page; room behind the last record of a segment, which the next owner cuts off.
      else if (place.kind === 'database' || before.subarray(place.offset).every((octet) => octet === 0)) result.harmless += 1
      // What opening a store reads anyway (the newest segment) is mended from the mirror before the scrub begins.
      else if (mirrored && place.kind === 'segment' && isAsBefore(place.path, place.offset, before)) result.healedAtOpen += 1
      else result.missed.push(`${place.path}:${place.offset}`)
      const again = await run({ kind: 'check', how: 'full' })
      if (again.check?.findings.length === 0) {
        if (found) result.repaired += 1
      } else if (place.kind === 'segment' && !mirrored) flip(place.path, place.offset, before[place.offset] as number, 0)
      else result.missed.push(`not mended: ${place.path}:${place.offset} ${again.check?.findings[0]?.sentence.en}`)
    }
    return result
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

async function fill(open: () => ReturnType<typeof opener>): Promise<number> {
  const { store, close } = await open()
  await store.submitDirectory({ kind: 'domain-add', name: 'example.org' })
  const account = await store.nextAccountId()
  await store.submitDirectory({ kind: 'account-add', account, address: 'ada@example.org', addressKey: 'ada@example.org', credential: { argon2: '', scram: null }, octetsMax: null, mailboxes: [] })
  const [inbox] = await store.account(account).mailboxes()
  assert.ok(inbox)
  for (let n = 0; n < MESSAGES; n += 1) {
    const text = Buffer.from(`Subject: ${n}\r\n\r\n${'words '.repeat(60)}${n}\r\n`)
    const bytes = new Uint8Array(text.length)
    bytes.set(text)
    const sha256: Uint8Array = new Uint8Array(createHash('sha256').update(bytes).digest())
    const outcome: { end: string } = await store.submit(account, { kind: 'append', mailbox: inbox.mailbox, bits: n % 2, keywords: '', internalDateMs: 1000 + n, facts: { size: text.length, envelope: `("${n}")`, structure: `("text" ${n})`, threadKeys: [] } }, { at: 'memory', bytes, sha256 })
    assert.equal(outcome.end, 'done')
  }
  await close()
  return account
}

declare const opener: () => Promise<Extract<Awaited<ReturnType<typeof openInlineStore>>, { ok: true }>['value']>

function choose({ data, roots, account, random }: { data: string; roots: readonly string[]; account: number; random: ReturnType<typeof seededRandom> }) {
  const kind = (['segment', 'segment', 'database', 'snapshot'] as const)[random.int(4)] as 'segment' | 'database' | 'snapshot'
  const root = roots[random.int(roots.length)] as string
  const folder = kind === 'segment' ? join(root, 'journal') : kind === 'database' ? join(data, 'accounts', String(account)) : join(data, 'snapshots')
  const names = kind === 'segment' ? readdirSync(folder).filter((name) => name.endsWith('.seg'))
    : kind === 'database' ? readdirSync(folder).filter((name) => /^mail\.\d+\.db$/.test(name)).sort((a, b) => Number(a.split('.')[1]) - Number(b.split('.')[1])).slice(-1)
      : readSnapshots(folder)
  if (names.length === 0) return { kind: 'database' as const, ...placeIn(join(data, 'accounts', String(account)), readdirSync(join(data, 'accounts', String(account))).filter((name) => /^mail\.\d+\.db$/.test(name)).sort((a, b) => Number(a.split('.')[1]) - Number(b.split('.')[1])).slice(-1), random) }
  return { kind, ...placeIn(folder, names, random) }
}

function readSnapshots(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.db'))
  } catch {
    return []
  }
}

function placeIn(folder: string, names: readonly string[], random: ReturnType<typeof seededRandom>): { path: string; offset: number } {
  const path = join(folder, names[random.int(names.length)] as string)
  return { path, offset: random.int(readFileSync(path).length) }
}

function isAsBefore(path: string, offset: number, before: Uint8Array): boolean {
  try {
    return readFileSync(path)[offset] === before[offset]
  } catch {
    return false
  }
}

function flip(path: string, offset: number, octet: number, mask: number): void {
  const file = openSync(path, 'r+')
  writeSync(file, Uint8Array.of(octet ^ mask), 0, 1, offset)
  closeSync(file)
}

if (import.meta.main) {
  const value = (name: string, otherwise: number) => Number(process.argv[process.argv.indexOf(`--${name}`) + 1] ?? otherwise) || otherwise
  for (const mirrored of [true, false]) {
    const result = await bitRot({ flips: value('flips', 60), seed: value('seed', 1), mirrored })
    process.stdout.write(`${mirrored ? 'with a mirror' : 'alone'}: ${JSON.stringify(result)}\n`)
  }
}
