// A mail server that takes everything and keeps the very octets that came after DATA, up to the true end.
// It offers no extension, so that whoever sends must make do with lines.
import { createServer, type Socket } from 'node:net'

export interface MailSink {
  port: number
  /** What came for each message, final dot included, in the order of their ends. */
  messages: Buffer[]
  close(): Promise<void>
}

export async function openMailSink(): Promise<MailSink> {
  const messages: Buffer[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.write('220 sink.example\r\n')
    let waiting = Buffer.alloc(0)
    let inData = false
    socket.on('data', (chunk: Buffer) => {
      waiting = Buffer.concat([waiting, chunk])
      for (;;) {
        const mark = inData ? '\r\n.\r\n' : '\r\n'
        const at = waiting.indexOf(mark)
        if (at < 0) return
        const piece = waiting.subarray(0, at + mark.length)
        waiting = waiting.subarray(at + mark.length)
        if (inData) {
          messages.push(Buffer.from(piece))
          inData = false
          socket.write('250 taken\r\n')
        } else if (/^DATA\r\n/i.test(piece.toString('latin1'))) {
          inData = true
          socket.write('354 go on\r\n')
        } else socket.write(/^QUIT/i.test(piece.toString('latin1')) ? '221 bye\r\n' : '250 fine\r\n')
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    messages,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
