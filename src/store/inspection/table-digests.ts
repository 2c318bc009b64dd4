// A database as a short digest for each table, for comparing two of them. Caches of protocol texts are set apart: a
// reader may have worked them out on one side only.
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { kindOf, migrations, type Table } from '../schema.ts'
import { ask, type Cells, type Reading, type Value } from '../tx.ts'
import type { DatabaseId } from '../ids.ts'

export interface Digests {
  readonly position: { readonly epoch: number; readonly sequence: number }
  readonly tables: ReadonlyMap<string, { readonly rows: number; readonly sha256: string }>
  /** CRC-32 of ENVELOPE and BODYSTRUCTURE by message; -1 where none is kept. */
  readonly texts: ReadonlyMap<number, readonly [envelope: number, structure: number]>
}

const PAGE_ROWS = 2000
/** Compared by itself. */
const NOT_COMPARED = new Set(['position'])
const CACHES = new Set(['envelope', 'structure'])
/** Counters are compared with a recount, not with a replay: what is wrong with them is mended in place. */
const COUNTERS: Readonly<Record<string, readonly string[]>> = { mailbox: ['total', 'unseen', 'deleted', 'octets'], meta: ['octets', 'messages'] }

export function* digestsOf(database: DatabaseId): Reading<Digests> {
  const [row] = yield* ask('select epoch, sequence from position where database_id = $1', database)
  const texts = new Map<number, readonly [number, number]>()
  const tables = new Map<string, { rows: number; sha256: string }>()
  for (const table of migrations.flatMap(({ tables: of }) => of[kindOf(database)])) {
    if (!NOT_COMPARED.has(table.name)) tables.set(table.name, yield* digestOf(table, texts))
  }
  return { position: { epoch: Number(row?.[0] ?? 0), sequence: Number(row?.[1] ?? 0) }, tables, texts }
}

function* digestOf(table: Table, texts: Map<number, readonly [number, number]>): Reading<{ rows: number; sha256: string }> {
  const all = table.columns.map((column) => column.split(' ')[0] as string)
  const columns = all.filter((name) => !CACHES.has(name) && COUNTERS[table.name]?.includes(name) !== true)
  const caches = all.filter((name) => CACHES.has(name))
  const keys = table.key
  const sum = createHash('sha256')
  let rows = 0
  let after: Value[] | undefined
  for (;;) {
    const where = after ? ` where (${keys.join(', ')}) > (${keys.map((_, n) => `$${n + 1}`).join(', ')})` : ''
    const page: Cells[] = yield* ask(`select ${[...columns, ...caches].join(', ')} from ${table.name}${where} order by ${keys.join(', ')} limit ${PAGE_ROWS}`, ...(after ?? []))
    for (const cells of page) {
      rows += 1
      for (const cell of cells.slice(0, columns.length)) {
        if (cell instanceof Uint8Array) sum.update(`b${cell.length}:`).update(cell)
        else sum.update(cell === null ? 'n;' : `${typeof cell === 'number' ? 'i' : 's'}${String(cell).length}:${String(cell)}`)
      }
      if (caches.length > 0) texts.set(Number(cells[columns.indexOf('message')]), [textSum(cells[columns.length]), textSum(cells[columns.length + 1])])
    }
    const last = page.at(-1)
    if (!last || page.length < PAGE_ROWS) return { rows, sha256: sum.digest('hex') }
    after = keys.map((key) => last[columns.indexOf(key)] as Value)
  }
}

function textSum(cell: Value | undefined): number {
  return cell instanceof Uint8Array ? crc32(cell) : -1
}

/** The tables that differ, in a sentence; undefined when none does. */
export function differenceOf(served: Digests, made: Digests): string | undefined {
  const words: string[] = []
  for (const [name, { rows, sha256 }] of made.tables) {
    const other = served.tables.get(name)
    if (other?.sha256 !== sha256) words.push(`${name} (${other?.rows ?? 0} rows, ${rows} by the journal)`)
  }
  return words.length === 0 ? undefined : words.join(', ')
}

/** A message whose kept text is not that of its record. What the record leaves out cannot be compared. */
export function textThatDiffers(served: Digests, made: Digests): number | undefined {
  for (const [message, texts] of made.texts) {
    const other = served.texts.get(message)
    if (other && texts.some((sum, n) => sum !== -1 && other[n] !== -1 && other[n] !== sum)) return message
  }
  return undefined
}
