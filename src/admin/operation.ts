// What an operation is, whoever carries it out (a server, a command that is the owner itself, a supervisor): its
// arguments and its function, in a table by name. Everything comes back as an answer, also what was thrown.
import { type Text, sameText } from '../base/language.ts'
import { type Answer, EXIT, refusalOf, refused } from './office.ts'
import { type Shape, type Shaped, readShape } from './shape.ts'

export interface Operation<O, S extends Shape, R> {
  readonly shape: S
  readonly run: (office: O, args: Shaped<S>) => Promise<Answer<R>>
}

export function operation<O, S extends Shape, R>(shape: S, run: (office: O, args: Shaped<S>) => Promise<Answer<R>>): Operation<O, S, R> {
  return { shape, run }
}

/** `table` is one of those made with `operation`; its own types say what each entry takes and answers. */
export async function carryOut<O>(table: Readonly<Record<string, unknown>>, office: O, name: string, args: unknown): Promise<Answer<unknown>> {
  if (!Object.hasOwn(table, name)) return usage(sameText(`there is no operation "${name}"`))
  const { shape, run } = table[name] as Operation<O, Shape, unknown>
  const read = readShape(shape, args)
  if (!read.ok) return usage(sameText(`${name}: ${read.reason}`))
  try {
    return await run(office, read.value)
  } catch (error) {
    return refusalOf(error)
  }
}

function usage(reason: Text): Answer<never> {
  return refused('bad-request', reason, EXIT.usage)
}
