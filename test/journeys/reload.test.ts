// A renewed certificate and a changed config, taken over by a server full of sessions.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { makeSelfSigned } from '../../src/net/self-signed.ts'
import { startDaruma } from '../harness/daruma-process.ts'
import { scratchFolder } from '../harness/program.ts'
import { RawImap } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'

/** The fingerprint of the certificate that a door shows; by STARTTLS where it does not begin with TLS. */
async function shown(port: number, startTls?: 'smtp' | 'imap'): Promise<string> {
  const socket = connectPlain({ port, host: '127.0.0.1' })
  try {
    if (startTls) {
      const heard = async (what: RegExp) => {
        let text = ''
        await new Promise<void>((resolve, reject) => {
          const listen = (chunk: Buffer) => {
            text += chunk.toString('latin1')
            if (!what.test(text)) return
            socket.off('data', listen)
            resolve()
          }
          socket.on('data', listen)
          socket.once('error', reject)
        })
      }
      await heard(startTls === 'smtp' ? /^220 / : /^\* OK/)
      if (startTls === 'smtp') {
        socket.write('EHLO client.example\r\n')
        await heard(/^250 /m)
        socket.write('STARTTLS\r\n')
        await heard(/^220 /)
      } else {
        socket.write('a STARTTLS\r\n')
        await heard(/^a OK/m)
      }
    }
    const secured = connect({ socket, rejectUnauthorized: false })
    return await new Promise<string>((resolve, reject) => {
      secured.once('secureConnect', () => {
        resolve(secured.getPeerX509Certificate()?.fingerprint256 ?? '')
        secured.destroy()
      })
      secured.once('error', reject)
    })
  } finally {
    socket.destroy()
  }
}

test('a renewed certificate is shown after SIGHUP and after "daruma reload", and no session ends', async (t) => {
  const folder = scratchFolder(t)
  const [certificate, key] = [join(folder, 'chain.pem'), join(folder, 'key.pem')]
  const renew = (): string => {
    const made = makeSelfSigned(['mail.test.example'], { clock: systemClock, random: systemRandom })
    writeFileSync(key, made.keyPem, { mode: 0o600 })
    writeFileSync(certificate, made.certificatePem)
    return new X509Certificate(readFileSync(certificate)).fingerprint256
  }
  const first = renew()
  const server = await startDaruma(t, { config: `[tls]\ncertificate = "${certificate}"\nkey = "${key}"\n`, accounts: { ada: 'secret' } })
  assert.equal(await shown(server.ports.imaps), first)

  const reader = await RawImap.open({ port: server.ports.imaps, tls: true })
  const sender = await RawSmtp.open({ port: server.ports.submissions, tls: true })
  t.after(() => reader.connection.destroy())
  t.after(() => sender.connection.destroy())
  await reader.login('ada@test.example', 'secret')
  await reader.command('SELECT INBOX')
  assert.equal((await sender.login('ada@test.example', 'secret')).code, 235)
  assert.equal((await sender.command('MAIL FROM:<ada@test.example>')).code, 250)

  const second = renew()
  process.kill(server.pid, 'SIGHUP')
  await until('the second certificate', async () => (await shown(server.ports.imaps)) === second)
  assert.equal(await shown(server.ports.imap, 'imap'), second)
  await until('the second certificate at the taking doors', async () => (await shown(server.ports.submissions)) === second)
  assert.equal(await shown(server.ports.smtp, 'smtp'), second)
  assert.equal(await shown(server.ports.submission, 'smtp'), second)

  const third = renew()
  const report = await server.json<{ changed: string[]; need_restart: string[] }>(['reload'])
  assert.deepEqual(report.need_restart, [])
  await until('the third certificate', async () => (await shown(server.ports.imaps)) === third)

  // A broken one is refused with a sentence; the last good one stays.
  writeFileSync(certificate, 'no certificate\n')
  const refused = await server.command(['reload'], { env: { LANG: 'C', LC_ALL: '' } })
  assert.equal(refused.code, 78)
  assert.ok(refused.stderr.includes(certificate), refused.stderr)
  assert.equal(await shown(server.ports.imaps), third)

  assert.equal((await sender.command('RCPT TO:<ada@test.example>')).code, 250, 'the envelope that was open stays open')
  assert.equal((await reader.command('NOOP')).status, 'OK')
})

test('what can change at run time does, and what cannot says so', async (t) => {
  const server = await startDaruma(t, { config: '[limits]\nmessage_octets_max = "10K"\n', accounts: { ada: 'secret' } })
  const size = async () => {
    const client = await RawSmtp.open({ port: server.ports.smtp })
    const reply = await client.command('EHLO again.example')
    await client.quit()
    return reply.lines.find((line) => line.startsWith('SIZE'))
  }
  assert.equal(await size(), 'SIZE 10240')
  server.changeConfig('[limits]\nmessage_octets_max = "20K"\n[journal]\nsegment_size = "32M"\n')
  const report = await server.json<{ changed: string[]; need_restart: string[] }>(['reload'])
  assert.deepEqual(report, { changed: ['limits.message_octets_max'], need_restart: ['journal.segment_size'] })
  await until('the new limit', async () => (await size()) === 'SIZE 20480')
  server.changeConfig('[limits]\nmessage_octets_max = "many"\n')
  const refused = await server.command(['reload'], { env: { LANG: 'C', LC_ALL: '' } })
  assert.equal(refused.code, 78)
  assert.match(refused.stderr, /:\d+:.*message_octets_max/)
  assert.equal(await size(), 'SIZE 20480')
})
