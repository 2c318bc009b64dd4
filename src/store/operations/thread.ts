// Which thread a message belongs to, by the frozen rule "threads-1": the lowest thread number among the
// messages that share any of its keys, or its own sequence number. A key keeps the thread it was first
// given, so threads never merge afterwards and a message never changes its thread.
import type { Tx } from '../tx.ts'

/** Keys in one statement. */
const CHUNK = 16

function parameters(count: number, from: number, print: (parameter: string) => string): string {
  return Array.from({ length: count }, (_, n) => print(`$${from + n}`)).join(', ')
}

/** Keys of the rule are 16 hex digits: stored as the 8 octets they stand for, since this is the widest-spread table of all. */
function storedKey(key: string): Uint8Array {
  return /^[0-9a-f]{16}$/.test(key) ? Buffer.from(key, 'hex') : Buffer.from(`-${key}`, 'utf8')
}

const NEW_KEY = `insert into thread_key (account, thread_key, thread) values ($1, $3, $2)
  on conflict (account, thread_key) do update set thread = thread_key.thread returning thread`
const LOWEST = Array.from({ length: CHUNK + 1 }, (_, count) =>
  `select min(thread) as thread from thread_key where account = $1 and thread_key in (${parameters(count, 2, (p) => p)})`)
const INSERT = Array.from({ length: CHUNK + 1 }, (_, count) =>
  `insert into thread_key (account, thread_key, thread) values ${parameters(count, 3, (p) => `($1, ${p}, $2)`)} on conflict (account, thread_key) do nothing`)

export async function takeThread(tx: Tx, account: number, message: number, threadKeys: readonly string[]): Promise<number> {
  if (threadKeys.length === 0) return message
  if (threadKeys.length === 1) {
    // The usual case, a message that answers nothing: one statement.
    const row = await tx.get<{ thread: number }>(NEW_KEY, account, message, storedKey(threadKeys[0] ?? ''))
    return row?.thread ?? message
  }
  // In sorted order: several accounts' transactions, or two keys given twice, must not depend on the order in the header.
  const keys = [...new Set(threadKeys)].sort().map(storedKey)
  let thread = message
  for (let at = 0; at < keys.length; at += CHUNK) {
    const chunk = keys.slice(at, at + CHUNK)
    const row = await tx.get<{ thread: number | null }>(LOWEST[chunk.length] as string, account, ...chunk)
    if (row?.thread != null && row.thread < thread) thread = row.thread
  }
  for (let at = 0; at < keys.length; at += CHUNK) {
    const chunk = keys.slice(at, at + CHUNK)
    await tx.run(INSERT[chunk.length] as string, account, thread, ...chunk)
  }
  return thread
}
