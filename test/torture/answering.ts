// How long people wait: from a kill to the moment when a mail server is told "RCPT ok" and a person sees an INBOX.
import { RawImap } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'

const STEP_MS = 4
const LONGEST_MS = 120_000

export interface Asked {
  smtpPort: number
  imapPort: number
  recipient: string
  user: string
  password: string
}

export interface Answering {
  /** From `sinceMs` to the greeting, to 250 for RCPT, to the tagged OK of SELECT. */
  greetingMs: number
  rcptMs: number
  selectMs: number
}

/** Asks from the beginning again and again, as clients do that find nobody, until it is answered. */
export async function untilAnswering(asked: Asked, sinceMs: number, signal?: AbortSignal): Promise<Answering> {
  let greetingMs = 0
  const smtp = again(signal, async () => {
    const client = await RawSmtp.open({ port: asked.smtpPort, helo: 'asking.example' })
    greetingMs ||= performance.now() - sinceMs
    try {
      await client.command('MAIL FROM:<asking@sender.example>')
      const reply = await client.command(`RCPT TO:<${asked.recipient}>`)
      if (reply.code >= 500) throw new Wrong(`RCPT was answered ${reply.code}`)
      return reply.code === 250 ? performance.now() - sinceMs : undefined
    } finally {
      client.connection.destroy()
    }
  })
  const imap = again(signal, async () => {
    const client = await RawImap.open({ port: asked.imapPort })
    try {
      const login = await client.login(asked.user, asked.password)
      if (login.status !== 'OK') return undefined
      const selected = await client.command('SELECT INBOX')
      return selected.status === 'OK' ? performance.now() - sinceMs : undefined
    } finally {
      client.connection.destroy()
    }
  })
  const [rcptMs, selectMs] = await Promise.all([smtp, imap])
  return { greetingMs, rcptMs, selectMs }
}

class Wrong extends Error {}

async function again(signal: AbortSignal | undefined, ask: () => Promise<number | undefined>): Promise<number> {
  const untilMs = performance.now() + LONGEST_MS
  let last: unknown
  while (performance.now() < untilMs && !signal?.aborted) {
    try {
      const answered = await ask()
      if (answered !== undefined) return answered
    } catch (error) {
      if (error instanceof Wrong) throw error
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, STEP_MS))
  }
  throw new Error(`nobody answered within ${LONGEST_MS} ms (last: ${String(last)})`)
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}

/** "median 412 ms, worst 530 ms" */
export function spread(numbers: readonly number[]): string {
  return `median ${Math.round(median(numbers))} ms, worst ${Math.round(Math.max(...numbers))} ms`
}
