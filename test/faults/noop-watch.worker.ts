// A thread with one logged-in IMAP connection that says NOOP all the time and notes how long the longest answer took.
// Its own thread, so that what the test does meanwhile is not measured.
import { parentPort, workerData } from 'node:worker_threads'
import { RawImap } from '../harness/raw-imap.ts'

const { port, user, password } = workerData as { port: number; user: string; password: string }
const client = await RawImap.open({ port })
await client.login(user, password)
let longestMs = 0
let asked = 'go on' as 'go on' | 'tell' | 'end'
parentPort?.on('message', (message: 'tell' | 'end') => (asked = message))
parentPort?.postMessage('ready')
for (;;) {
  const fromMs = performance.now()
  await client.command('NOOP')
  longestMs = Math.max(longestMs, performance.now() - fromMs)
  if (asked === 'tell') {
    parentPort?.postMessage(longestMs)
    longestMs = 0
    asked = 'go on'
  } else if (asked === 'end') break
  await new Promise((resolve) => setTimeout(resolve, 5))
}
client.connection.destroy()
parentPort?.close()
