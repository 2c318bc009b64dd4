// The tables of the three kinds of database, said once and printed for either engine.
// `migrate…` brings a database to the newest version in one transaction; one that is newer than this
// program is never touched.
//
// Column types: `bigint` (PostgreSQL's integer has 32 bits, a UID does not fit), `text`, `bytes`.
// In SQLite every table is STRICT, and WITHOUT ROWID unless its rows are long.
import { firstVersion } from './migrations/0001-first.ts'

export type Kind = 'directory' | 'queue' | 'account'
export type Dialect = 'sqlite' | 'postgres'

export type ColumnType = 'bigint' | 'text' | 'bytes'

export interface Table {
  name: string
  /** "name type" or "name type?" where null is allowed. */
  columns: readonly `${string} ${ColumnType}${'' | '?'}`[]
  key: readonly string[]
  /**
   * SQLite only: this column alone is the key and the row number of an ordinary table. For tables with long rows,
   * which fill the inner pages of a WITHOUT ROWID table. The other key columns are constant within one file.
   */
  rowNumber?: string
  indexes?: readonly Index[]
}

export interface Index {
  name: string
  columns: readonly string[]
  unique?: boolean
  /** A partial index: only rows for which this holds. */
  where?: string
}

/** One step from version − 1. A pure function of the database alone (STORE.md, Applying 6). Never edited once released. */
export interface Migration {
  version: number
  tables: Readonly<Record<Kind, readonly Table[]>>
  /** Statements that run after the tables were made, for both engines. */
  statements?: Readonly<Partial<Record<Kind, readonly string[]>>>
}

export const migrations: readonly Migration[] = [firstVersion]
export const SCHEMA_VERSION = migrations.length

/** The statements that lead from `version` (0: an empty database) to the newest, in order. */
export function migrationStatements(kind: Kind, dialect: Dialect, version: number): string[] {
  const statements: string[] = []
  for (const step of migrations) {
    if (step.version <= version) continue
    for (const table of step.tables[kind]) statements.push(...tableStatements(table, dialect))
    statements.push(...(step.statements?.[kind] ?? []))
  }
  return statements
}

export function kindOf(database: number): Kind {
  return database === 0 ? 'directory' : database === 1 ? 'queue' : 'account'
}

const SQLITE_TYPES: Record<ColumnType, string> = { bigint: 'integer', text: 'text', bytes: 'blob' }
const POSTGRES_TYPES: Record<ColumnType, string> = { bigint: 'bigint', text: 'text', bytes: 'bytea' }

function tableStatements(table: Table, dialect: Dialect): string[] {
  const types = dialect === 'sqlite' ? SQLITE_TYPES : POSTGRES_TYPES
  const ownNumber = dialect === 'sqlite' ? table.rowNumber : undefined
  const columns = table.columns.map((column) => {
    const [name = '', typeWord = ''] = column.split(' ')
    const nullable = typeWord.endsWith('?')
    const type = types[(nullable ? typeWord.slice(0, -1) : typeWord) as ColumnType]
    if (name === ownNumber) return `${name} integer primary key`
    return `${name} ${type}${nullable ? '' : ' not null'}`
  })
  if (ownNumber === undefined) columns.push(`primary key (${table.key.join(', ')})`)
  const options = dialect === 'postgres' ? '' : ownNumber === undefined ? ' strict, without rowid' : ' strict'
  // In PostgreSQL all kinds share one database, and some tables belong to more than one kind.
  const optional = dialect === 'postgres' ? 'if not exists ' : ''
  const statements = [`create table ${optional}${table.name} (${columns.join(', ')})${options}`]
  for (const index of table.indexes ?? []) {
    statements.push(`create ${index.unique ? 'unique ' : ''}index ${optional}${index.name} on ${table.name} (${index.columns.join(', ')})${index.where ? ` where ${index.where}` : ''}`)
  }
  return statements
}
