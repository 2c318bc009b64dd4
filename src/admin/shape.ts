// Reads the arguments of an operation from a value that came over the control socket. Says which
// argument is wrong; never throws on input.
import { type Parsed, refuse, understood } from '../base/errors.ts'

type FieldReader<T> = (value: unknown) => T | undefined
export type Shape = Readonly<Record<string, FieldReader<unknown>>>
export type Shaped<S extends Shape> = { readonly [name in keyof S]: Exclude<ReturnType<S[name]>, undefined> }

const ARGUMENT_LENGTH_MAX = 4096
const ARGUMENTS_IN_LIST_MAX = 10_000

const isShortText = (value: unknown): value is string => typeof value === 'string' && value.length <= ARGUMENT_LENGTH_MAX

export const aText: FieldReader<string> = (value) => (isShortText(value) ? value : undefined)
export const aFlag: FieldReader<boolean> = (value) => (typeof value === 'boolean' ? value : undefined)
export const aCount: FieldReader<number> = (value) => (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined)
export const texts: FieldReader<readonly string[]> = (value) => (Array.isArray(value) && value.length <= ARGUMENTS_IN_LIST_MAX && value.every(isShortText) ? value : undefined)

/** The argument, or null when it is left out. */
export const textOrNull: FieldReader<string | null> = (value) => (value === undefined || value === null ? null : aText(value))
export const countOrNull: FieldReader<number | null> = (value) => (value === undefined || value === null ? null : aCount(value))

export function readShape<S extends Shape>(shape: S, value: unknown): Parsed<Shaped<S>> {
  const given: Record<string, unknown> = typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
  const found: Record<string, unknown> = {}
  for (const [name, read] of Object.entries(shape)) {
    const one = read(given[name])
    if (one === undefined) return refuse('bad-argument', `argument "${name}" is missing or not what it must be`)
    found[name] = one
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(shape, name)) return refuse('bad-argument', `there is no argument "${name}"`)
  }
  return understood(found as Shaped<S>)
}
