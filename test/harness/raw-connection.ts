// A plain client connection for tests: reads lines and counted octets, writes bytes. Knows no protocol.
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export class Gone extends Error {
  override name = 'Gone'
}

export class RawConnection {
  #socket: Socket
  #chunks: Buffer[] = []
  #octets = 0
  #wake: (() => void) | undefined
  #ended: Error | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#listen()
  }

  static async open(options: { port: number; host?: string; tls?: boolean; timeoutMs?: number }): Promise<RawConnection> {
    const socket = connect({ port: options.port, host: options.host ?? '127.0.0.1' })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    socket.setNoDelay(true)
    socket.setTimeout(options.timeoutMs ?? 60_000, () => socket.destroy(new Error('the server said nothing for too long')))
    const connection = new RawConnection(socket)
    if (options.tls) await connection.startTls()
    return connection
  }

  async startTls(): Promise<void> {
    this.#socket.removeAllListeners('data')
    this.#socket.removeAllListeners('error')
    this.#socket.removeAllListeners('close')
    const secured = connectTls({ socket: this.#socket, rejectUnauthorized: false })
    await new Promise<void>((resolve, reject) => {
      secured.once('secureConnect', resolve)
      secured.once('error', reject)
    })
    this.#socket = secured
    this.#listen()
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk)
      this.#octets += chunk.length
      this.#wake?.()
    })
    this.#socket.on('error', (error) => {
      this.#ended ??= new Gone(error.message)
      this.#wake?.()
    })
    this.#socket.on('close', () => {
      this.#ended ??= new Gone('the connection was closed')
      this.#wake?.()
    })
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0
  }

  write(bytes: Uint8Array | string): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes)
  }

  /** Resolves when something has arrived; throws `Gone` when nothing will any more. */
  async #more(): Promise<void> {
    if (this.#ended) throw this.#ended
    if (this.#wake) throw new Error('two at once read from one connection: one of them would wait for ever')
    await new Promise<void>((resolve) => (this.#wake = resolve))
    this.#wake = undefined
  }

  #joined(): Buffer {
    if (this.#chunks.length === 1) return this.#chunks[0] as Buffer
    const whole = Buffer.concat(this.#chunks)
    this.#chunks = whole.length > 0 ? [whole] : []
    return whole
  }

  #take(count: number): Buffer {
    const whole = this.#joined()
    const taken = whole.subarray(0, count)
    const rest = whole.subarray(count)
    this.#chunks = rest.length > 0 ? [rest] : []
    this.#octets = rest.length
    return taken
  }

  /** One line without its CRLF. */
  async line(): Promise<Buffer> {
    for (;;) {
      const at = this.#joined().indexOf(10)
      if (at >= 0) {
        const line = this.#take(at + 1)
        return line.subarray(0, line.length >= 2 && line[line.length - 2] === 13 ? -2 : -1)
      }
      await this.#more()
    }
  }

  async octets(count: number): Promise<Buffer> {
    while (this.#octets < count) await this.#more()
    return this.#take(count)
  }

  /** What has arrived and was not read. */
  pending(): number {
    return this.#octets
  }

  async closed(): Promise<void> {
    while (!this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
