// The other end of outgoing mail: a small SMTP server in the torture's own process, which never dies, remembers
// every message that it took, when, and in which life of the server under torture.
import { createServer, type Server, type Socket } from 'node:net'
import { recognise } from './ledger.ts'

export interface Received {
  recipient: string
  sha256: string
  life: number
  atMs: number
}

export class Sink {
  readonly received = new Map<string, Received[]>()
  /** Counts up with each start of the server under torture. */
  life = 0
  /** Every so manieth message gets 451 at its dot; 0: none. */
  refuseEvery = 15
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #count = 0

  private constructor(server: Server) {
    this.#server = server
  }

  static async open(): Promise<Sink> {
    const server = createServer()
    const sink = new Sink(server)
    server.on('connection', (socket) => sink.#serve(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return sink
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    let waiting = Buffer.alloc(0)
    let data = false
    let recipients: string[] = []
    const say = (line: string) => socket.write(`${line}\r\n`)
    say('220 sink.example ESMTP')
    socket.on('data', (chunk: Buffer) => {
      waiting = Buffer.concat([waiting, chunk])
      for (;;) {
        if (data) {
          const end = waiting.indexOf('\r\n.\r\n')
          if (end < 0) return
          const message = waiting.subarray(0, end + 2)
          waiting = waiting.subarray(end + 5)
          data = false
          say(this.#take(message, recipients))
          recipients = []
          continue
        }
        const end = waiting.indexOf('\r\n')
        if (end < 0) return
        const line = waiting.subarray(0, end).toString('latin1')
        waiting = waiting.subarray(end + 2)
        const verb = line.slice(0, 4).toUpperCase()
        if (verb === 'EHLO') say('250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME')
        else if (verb === 'RCPT') {
          const recipient = /<([^>]*)>/.exec(line)?.[1] ?? ''
          if (recipient.startsWith('gone')) say('550 5.1.1 gone for good')
          else {
            recipients.push(recipient)
            say('250 ok')
          }
        } else if (verb === 'DATA') {
          data = recipients.length > 0
          say(data ? '354 go on' : '554 5.5.1 no recipients')
        } else if (verb === 'QUIT') {
          say('221 bye')
          socket.end()
        } else {
          recipients = []
          say('250 ok')
        }
      }
    })
  }

  #take(message: Buffer, recipients: readonly string[]): string {
    this.#count += 1
    if (this.refuseEvery > 0 && this.#count % this.refuseEvery === 0) return '451 4.3.0 not now'
    const plain = Buffer.from(message.toString('latin1').replace(/(^|\r\n)\.\./g, '$1.'), 'latin1')
    const { id, sha256 } = recognise(plain)
    const list = this.received.get(id) ?? []
    this.received.set(id, list)
    for (const recipient of recipients) list.push({ recipient, sha256, life: this.life, atMs: performance.now() })
    return '250 2.0.0 taken'
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}
