// Logged-in people in the midst of it: IMAP sessions that list, fetch, flag and search a small mailbox, one command
// after the other, and how long each took. Prints the latencies of its last stretch when it is asked to ("lap").
//
//   node bench/overload/probe.ts PORT ADDRESS PASSWORD SESSIONS
import { RawImap } from '../../test/harness/raw-imap.ts'

const [port = 0] = process.argv.slice(2, 3).map(Number)
const [, address = '', password = '', sessions = '4'] = process.argv.slice(2)
let taken: number[] = []
let byCommand = new Map<string, number[]>()
let failed = 0

const commands = ['NOOP', 'FETCH 1:20 (UID FLAGS)', 'FETCH 1:5 (ENVELOPE BODYSTRUCTURE)', 'UID SEARCH UNSEEN', 'STORE 1 +FLAGS (\\Flagged)', 'STORE 1 -FLAGS (\\Flagged)', 'FETCH 2 BODY.PEEK[]', 'STATUS INBOX (MESSAGES UNSEEN)']

async function session(): Promise<void> {
  const imap = await RawImap.open({ port })
  await imap.login(address, password)
  await imap.command('SELECT INBOX')
  for (let n = 0; ; n += 1) {
    const startedMs = performance.now()
    const answer = await imap.command(commands[n % commands.length] as string)
    const ms = performance.now() - startedMs
    taken.push(ms)
    const name = (commands[n % commands.length] as string).split(' ')[0] as string
    byCommand.set(name, [...(byCommand.get(name) ?? []), ms])
    if (answer.status !== 'OK') failed += 1
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
}

process.stdin.on('data', () => {
  const at = (all: readonly number[], share: number) => Number(([...all].sort((a, b) => a - b)[Math.floor((all.length - 1) * share)] ?? 0).toFixed(1))
  const slowest = [...byCommand].map(([name, all]) => `${name} ${at(all, 0.99)}`).join(', ')
  console.log(JSON.stringify({ commands: taken.length, failed, p50: at(taken, 0.5), p99: at(taken, 0.99), worst: at(taken, 1), slowest }))
  taken = []
  byCommand = new Map()
  failed = 0
})
process.stdin.on('end', () => process.exit(0))
await Promise.all(Array.from({ length: Number(sessions) }, session))
