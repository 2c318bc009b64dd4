// Peers that cost without saying much: a thousand that are silent, some that announce a lot and send nothing, some that
// send half and stop, some that ask for a lot and do not read. The server's memory stays bounded and others are served.
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { append } from '../corpus/mail-room.ts'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { RawImap } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'
import { NoopWatch, residentOctets } from './watch.ts'

const password = 'correct horse'
const MIB = 1024 * 1024
const NOOP_MS_MAX = 500

describe('hostile peers', () => {
  const server = new DarumaProcess({ config: '[limits]\nimap_connections_max = 4000\nsmtp_connections_max = 4000\nconnections_per_address_max = 4000\n' })
  const user = `user@${server.domain}`
  const sockets: Socket[] = []
  let watch: NoopWatch
  let baseOctets = 0

  before(async () => {
    await server.start()
    server.run(['domain', 'add', server.domain])
    server.addAccount(user, password)
    watch = await NoopWatch.open(server, user, password)
  })
  after(async () => {
    await watch.close()
    await server.dispose()
  })
  beforeEach(async () => {
    baseOctets = residentOctets(server.pid)
    await watch.longestMs()
  })
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy()
  })

  /** Connections that have got their greeting. */
  async function crowd(count: number, port: number, first: string | Buffer = ''): Promise<Socket[]> {
    return Promise.all(Array.from({ length: count }, async () => {
      const socket = connect(port, '127.0.0.1')
      sockets.push(socket)
      socket.on('error', () => socket.destroy())
      await new Promise<void>((resolve, reject) => {
        socket.once('data', () => resolve())
        socket.once('error', reject)
        socket.once('close', () => reject(new Error('sent away')))
      })
      socket.write(first)
      return socket
    }))
  }

  async function othersAreServed(addedOctetsMax: number, noopMsMax = NOOP_MS_MAX): Promise<void> {
    const sender = await RawSmtp.open({ port: server.ports.smtp })
    assert.equal((await sender.send({ from: 's@sender.example', to: [user], bytes: Buffer.from('Subject: x\r\n\r\ny\r\n') })).code, 250)
    await sender.quit()
    const longestMs = await watch.longestMs()
    assert.ok(longestMs < noopMsMax, `a NOOP took ${longestMs} ms`)
    const added = residentOctets(server.pid) - baseOctets
    assert.ok(added < addedOctetsMax, `${Math.round(added / MIB)} MiB more in memory`)
  }

  test('a thousand that say nothing cost almost nothing', async () => {
    await crowd(500, server.ports.smtp)
    await crowd(500, server.ports.imap)
    await othersAreServed(48 * MIB)
  })

  test('literals of two gigabytes, announced and not sent', async () => {
    for (const line of ['a LOGIN {2147483648}', 'a LOGIN {2147483648+}', 'a APPEND INBOX {2147483648}', 'a APPEND INBOX {2147483648+}', 'a APPEND INBOX ~{2147483648+}', 'a SEARCH TEXT {4294967296+}', 'a SELECT {99999999999999999999+}']) {
      for (const loggedIn of [false, true]) {
        const client = await RawImap.open({ port: server.ports.imap })
        if (loggedIn) await client.login(user, password)
        client.connection.write(`${line}\r\n`)
        // Not waited for: whoever announces without asking sends it anyway, and is sent away or not listened to.
        if (!line.includes('+}')) assert.match((await client.response()).text, /^(?:a (?:NO|BAD)|\* BYE) /, line)
        client.connection.destroy()
      }
    }
    await crowd(100, server.ports.imap, 'a APPEND INBOX {2147483648+}\r\n')
    await crowd(100, server.ports.imap, 'a LOGIN {1000000}\r\n')
    await othersAreServed(48 * MIB)
  })

  test('half a message each, and then nothing: by DATA, BDAT and APPEND', async () => {
    const half = Buffer.alloc(MIB / 2, 'x'.repeat(72) + '\r\n')
    const envelope = `EHLO c.example\r\nMAIL FROM:<s@sender.example>\r\nRCPT TO:<${user}>\r\n`
    await crowd(150, server.ports.smtp, Buffer.concat([Buffer.from(`${envelope}DATA\r\n`), half]))
    await crowd(150, server.ports.smtp, Buffer.concat([Buffer.from(`${envelope}BDAT ${MIB}\r\n`), half]))
    await crowd(150, server.ports.imap, Buffer.concat([Buffer.from(`a LOGIN ${user} "${password}"\r\nb APPEND INBOX {${MIB}+}\r\n`), half]))
    await othersAreServed(300 * MIB)
    await othersAreServed(300 * MIB)
  })

  test('asked for everything, and did not read it', async () => {
    const client = await RawImap.open({ port: server.ports.imap })
    await client.login(user, password)
    await client.command('CREATE heap')
    const mail = Buffer.alloc(MIB - 1000, `${'y'.repeat(72)}\r\n`)
    for (let i = 0; i < 20; i += 1) assert.equal((await append(client, mail, false, 'heap')).status, 'OK')
    client.connection.destroy()
    baseOctets = residentOctets(server.pid)
    const all = await crowd(100, server.ports.imap, `a LOGIN ${user} "${password}"\r\nb EXAMINE heap\r\nc FETCH 1:* BODY.PEEK[]\r\n`)
    for (const socket of all) socket.pause()
    // As long as the kernel takes it from us, they are a hundred busy clients; then they are stalled ones.
    await othersAreServed(200 * MIB, 5000)
    await until('they have stalled, and others are served as ever', async () => {
      await othersAreServed(200 * MIB)
      return true
    })
  })

  test('when they have gone, all is as before', async () => {
    const client = await RawImap.open({ port: server.ports.imap })
    await client.login(user, password)
    await client.command('SELECT INBOX')
    await until('the server answers as ever', async () => (await client.command('NOOP')).status === 'OK')
    client.connection.destroy()
    assert.doesNotMatch(server.stderr, /"level":"error"|Unhandled|Warning:/)
    assert.equal(JSON.parse(server.run(['status', '--json'])) !== null, true)
  })
})
