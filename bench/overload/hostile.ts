// Clients that take a place and give nothing: they say a word now and then (slow loris), say nothing at all (half open),
// or stop in the middle of DATA.
//
//   node bench/overload/hostile.ts PORT SECONDS RECIPIENT
import { connect, type Socket } from 'node:net'

const [port = 0, seconds = 0] = process.argv.slice(2, 4).map(Number)
const [, , recipient = ''] = process.argv.slice(2)
const counts = { ended: 0 }

function hold(act: (socket: Socket) => void): void {
  const socket = connect({ host: '127.0.0.1', port })
  socket.on('error', () => {})
  socket.on('close', () => (counts.ended += 1))
  socket.once('connect', () => act(socket))
  socket.resume()
}
for (let n = 0; n < 100; n += 1) hold(() => {})
for (let n = 0; n < 100; n += 1) hold((socket) => void setInterval(() => socket.writable && socket.write('N'), 1000))
for (let n = 0; n < 50; n += 1) hold((socket) => socket.write(`EHLO x.example\r\nMAIL FROM:<b@x.example>\r\nRCPT TO:<${recipient}>\r\nDATA\r\nSubject: never\r\n`))
setTimeout(() => {
  console.log(JSON.stringify(counts))
  process.exit(0)
}, seconds * 1000)
