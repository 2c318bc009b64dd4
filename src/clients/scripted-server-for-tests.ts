// For tests only: an SMTP server that says what a script says, and nothing else, on the loopback.
// One script for each connection, in order; a line of it is
//   S: text      send a line            C: beginning   the next line of the client must begin so
//   D            read up to the final dot, kept in `data`        B n   read n octets, kept in `data`
//   TLS          start TLS as a server  JUNK           say something that is not TLS
//   END          hang up                RESET          hang up at once
//   HOLD         leave the connection as it is, for the client to end
import { strict as assert } from 'node:assert'
import type { TestContext } from 'node:test'
import { latin1Of } from '../base/bytes.ts'
import type { Connection } from '../net/connection.ts'
import { LineReader } from '../net/line-reader.ts'
import { loopbackDoor, testContexts } from '../net/loopback-for-tests.ts'
import type { Sweeper } from '../net/sweeper.ts'

export interface ScriptedServer {
  port: number
  sweeper: Sweeper
  /** What the client said, commands only. */
  commands: string[]
  /** Messages as they came, dots and all. */
  data: string[]
  /** Certificate that a client may trust. */
  certificatePem: string
  /** Resolves when every script was played; rejects with what went otherwise than written. */
  done: Promise<void>
}

export async function scriptedServer(t: TestContext, scripts: readonly string[]): Promise<ScriptedServer> {
  const { listener, sweeper, next } = await loopbackDoor(t)
  const { contexts, certificatePem } = testContexts(['mx.example', '127.0.0.1'])
  const commands: string[] = []
  const data: string[] = []
  const playAll = async () => {
    const plays: Promise<void>[] = []
    for (const script of scripts) plays.push(play(await next(), script))
    await Promise.all(plays)
  }

  async function play(connection: Connection, script: string): Promise<void> {
    const reader = new LineReader({ lineOctetsMax: 1_000_000 }, connection)
    connection.onClose = () => reader.finish()
    for (const step of script.split('\n').map((line) => line.trim()).filter((line) => line !== '')) {
      const [word = '', rest = ''] = /^(\S+) ?(.*)$/.exec(step)?.slice(1) ?? []
      if (word === 'S:') connection.write(`${rest}\r\n`)
      else if (word === 'C:') {
        const line = latin1Of((await reader.line())?.bytes ?? new Uint8Array())
        commands.push(line)
        assert.ok(line.startsWith(rest), `expected "${rest}", heard "${line}"`)
      } else if (word === 'D') {
        let text = ''
        for (let line = await reader.line(); line && latin1Of(line.bytes) !== '.'; line = await reader.line()) {
          assert.equal(line.end, 'crlf')
          text += `${latin1Of(line.bytes)}\r\n`
        }
        data.push(text)
      } else if (word === 'B') data.push(latin1Of((await reader.exactly(Number(rest))) ?? new Uint8Array()))
      else if (word === 'TLS') await connection.startTls({ as: 'server', contexts })
      else if (word === 'JUNK') {
        await reader.exactly(1) // what comes before the client's hello is thrown away
        connection.write('this is not TLS at all, and never will be\r\n')
      }
      else if (word === 'END') return connection.end()
      else if (word === 'RESET') return connection.destroy()
      else if (word === 'HOLD') return
      else assert.fail(`what is "${step}"?`)
    }
    // A client that goes takes its leave.
    for (let line = await reader.line(); line; line = await reader.line()) {
      commands.push(latin1Of(line.bytes))
      if (latin1Of(line.bytes) === 'QUIT') connection.end('221 bye\r\n')
    }
    connection.end()
  }
  return { port: listener.address.port, sweeper, commands, data, certificatePem, done: playAll() }
}
