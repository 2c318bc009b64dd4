// Prints rows as a table for people or as JSON for programs. The heads of the table are the JSON keys:
// names in snake_case, made from the names in the code.
import { printJson as printSafeJson } from '../base/log.ts'
import { shownSize } from './sizes.ts'
import type { Context } from './command.ts'

type Cell = string | number | boolean | null | undefined | readonly (string | number)[]
export type Row = Readonly<Record<string, unknown>>

/** octetsUsed → octets_used, at every depth. */
export function snakeKeys(value: unknown): unknown {
  if (Array.isArray(value)) return (value as unknown[]).map(snakeKeys)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [snakeName(name), snakeKeys(inner)]))
}

export function snakeName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Columns in this order. With --json the whole rows, as an array. */
export function printTable<R extends object>(context: Context, rows: readonly R[], columns: readonly (keyof R & string)[]): void {
  if (context.line.flag('json')) return printJson(context, rows)
  const heads = columns.map(snakeName)
  const cells = rows.map((row) => columns.map((column) => shownCell(column, row[column] as Cell)))
  const isNumber = columns.map((column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number' || row[column] === null))
  const widths = heads.map((head, index) => Math.max(displayWidth(head), ...cells.map((row) => displayWidth(row[index] ?? ''))))
  for (const row of [heads, ...cells]) {
    const parts = row.map((cell, index) => {
      const space = ' '.repeat(Math.max(0, (widths[index] ?? 0) - displayWidth(cell)))
      return isNumber[index] ? space + cell : cell + space
    })
    context.out(`${parts.join('  ').trimEnd()}\n`)
  }
}

/** One thing as "name  value" lines, or as a JSON object. */
export function printFacts(context: Context, facts: Row): void {
  if (context.line.flag('json')) return printJson(context, facts)
  const lines = Object.entries(facts).map(([name, value]) => [snakeName(name), shownCell(name, value as Cell)] as const)
  const width = Math.max(...lines.map(([name]) => name.length))
  for (const [name, value] of lines) context.out(`${name.padEnd(width)}  ${value}\n`)
}

export function printJson(context: Context, value: unknown): void {
  context.out(`${printSafeJson(snakeKeys(value), 2)}\n`)
}

function shownCell(column: string, value: Cell): string {
  if (value === null || value === undefined) return '-'
  if (Array.isArray(value)) return value.join(', ')
  if (typeof value === 'number' && /octets|quota|^size$/i.test(column)) return shownSize(value)
  // Control characters in what strangers sent (replies, senders) must not reach the terminal.
  return String(value).replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
}

/** Columns on a terminal: wide for CJK, none for combining marks. */
export function displayWidth(words: string): number {
  let width = 0
  for (const character of words) {
    if (/\p{M}/u.test(character)) continue
    const code = character.codePointAt(0) ?? 0
    const isWide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) || (code >= 0xac00 && code <= 0xd7a3)
      || (code >= 0xf900 && code <= 0xfaff) || (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) || (code >= 0xffe0 && code <= 0xffe6) || code >= 0x1f300
    width += isWide ? 2 : 1
  }
  return width
}
