// A crowd of SMTP clients in one process: each connects, sends one message and leaves, again and again, and comes back
// at once when it is turned away, as a botnet does. Started by run.ts with a niceness of 10, since it shares the
// machine's cores with the server that it attacks.
//
//   node bench/overload/flood.ts PORT CONNECTIONS SECONDS NAME RECIPIENTS
import { connect } from 'node:net'

const [port = 0, connections = 0, seconds = 0] = process.argv.slice(2, 5).map(Number)
const [name = 'f', recipients = ''] = process.argv.slice(5)
const to = recipients.split(',')
const untilMs = Date.now() + seconds * 1000
/** What was acknowledged, by its subject: all of it has to be there afterwards. */
const acknowledged: string[] = []
const counts = { connected: 0, kept: 0, putOff: 0, turnedAway: 0, broken: 0, refused: 0 }
const body = 'x'.repeat(72)
const lines = Array.from({ length: 50 }, () => body).join('\r\n')

function one(client: number, n: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    let step = 0
    let text = ''
    let done = false
    const end = (how: keyof typeof counts) => {
      if (done) return
      done = true
      counts[how] += 1
      socket.destroy()
      resolve()
    }
    socket.setTimeout(30_000, () => end('broken'))
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED' ? 'refused' : 'broken'))
    socket.on('close', () => end('broken'))
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n')) {
        const line = text.slice(0, at)
        text = text.slice(at + 1)
        if (line[3] === '-') continue
        const code = line.slice(0, 3)
        if (code === '421') return end('turnedAway')
        if (code[0] === '4') return end('putOff')
        if (code[0] === '5') throw new Error(`a permanent refusal: ${line}`)
        step += 1
        if (step === 1) {
          counts.connected += 1
          socket.write('EHLO client.example\r\n')
        } else if (step === 2) socket.write(`MAIL FROM:<b@client.example>\r\nRCPT TO:<${to[(client + n) % to.length]}>\r\nDATA\r\n`)
        else if (step === 5) socket.write(`From: b@client.example\r\nSubject: ${name}-${client}-${n}\r\n\r\n${lines}\r\n.\r\n`)
        else if (step === 6) {
          acknowledged.push(`${name}-${client}-${n}`)
          socket.end('QUIT\r\n')
          return end('kept')
        }
      }
    })
  })
}

await Promise.all(Array.from({ length: connections }, async (_, client) => {
  for (let n = 0; Date.now() < untilMs; n += 1) await one(client, n)
}))
console.log(JSON.stringify({ ...counts, acknowledged }))
