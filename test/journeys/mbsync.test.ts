// A Maildir that mbsync keeps the same as the server: real messages pushed and pulled, flags and deletions in
// both directions, and a second run that finds nothing to do.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startDaruma, type DarumaProcess } from '../harness/daruma-process.ts'
import { missing, run, scratchFolder, suitesFolder } from '../harness/program.ts'

/** Messages with one kind of line end and no NUL: what mbsync itself carries unchanged. */
function suiteMessages(folder: string): { name: string; bytes: Buffer }[] {
  const path = join(suitesFolder, folder)
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(eml|txt|msg)$/.test(entry.name) && entry.name !== 'SOURCE.md')
    .map((entry) => ({ name: join(entry.parentPath, entry.name), bytes: readFileSync(join(entry.parentPath, entry.name)) }))
    .filter(({ bytes }) => !bytes.includes(0) && !bytes.includes('\r') && bytes.length > 0 && /^[!-9;-~]+:[^]*\n\n/.test(bytes.toString('latin1')))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

class Maildir {
  readonly folder: string
  readonly #config: string
  constructor(folder: string, server: DarumaProcess, login: { address: string; password: string }) {
    this.folder = folder
    this.#config = join(folder, 'mbsyncrc')
    mkdirSync(join(folder, 'mail'))
    writeFileSync(this.#config, `
IMAPStore far
Host localhost
Port ${server.ports.imaps}
User ${login.address}
Pass ${login.password}
SSLType IMAPS
CertificateFile ${server.certificateFile}

MaildirStore near
Path ${folder}/mail/
Inbox ${folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
Sync All
SyncState *
`)
  }

  async sync(): Promise<void> {
    await run('mbsync', ['-c', this.#config, 'all'], { env: { HOME: this.folder } })
  }

  messages(mailbox: string): string[] {
    return ['cur', 'new'].flatMap((part) => {
      const path = join(this.folder, 'mail', mailbox, part)
      return existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : []
    }).sort()
  }

  add(mailbox: string, name: string, bytes: Uint8Array): void {
    for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(this.folder, 'mail', mailbox, part), { recursive: true })
    writeFileSync(join(this.folder, 'mail', mailbox, 'cur', `${name}:2,`), bytes)
  }
}

const withCrlf = (bytes: Buffer): string => bytes.toString('latin1').replaceAll('\n', '\r\n')
/** mbsync marks what it uploads, to find it again after a break. */
const withoutMark = (bytes: Buffer): string => bytes.toString('latin1').replace(/^X-TUID: .*\r\n/m, '')

async function stage(t: TestContext) {
  const server = await startDaruma(t, { accounts: { ada: 'secret' } })
  const login = { address: 'ada@test.example', password: 'secret' }
  const client = await server.imap(login.address, login.password)
  t.after(() => client.connection.destroy())
  return { server, client, near: new Maildir(scratchFolder(t), server, login), login }
}

test('messages pushed come back byte for byte in a second Maildir; then nothing is left to do', {
  skip: missing('mbsync') || (!existsSync(suitesFolder) && 'the shared suites are missing'),
}, async (t) => {
  const { server, client, near, login } = await stage(t)
  const messages = ['mail-parser', 'mimekit', 'ruby-mail', 'james-eml', 'mime4j', 'python-email', 'cassandane-mime'].flatMap(suiteMessages)
  assert.ok(messages.length > 140, `${messages.length} messages`)
  messages.forEach(({ bytes }, index) => near.add('Suites', `1600000000.${index}.here`, bytes))
  await near.sync()
  const selected = await client.command('SELECT Suites')
  assert.equal(selected.status, 'OK')
  const kept = (await client.fetch('1:*', '(BODY.PEEK[])')).map(({ items }) => withoutMark(items.get('BODY[]') as Buffer)).sort()
  assert.deepEqual(kept, messages.map(({ bytes }) => withCrlf(bytes)).sort())

  // A message that came or went a second time would have taken a new UID, here or there.
  const facts = () => client.statusOf('Suites', 'MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ')
  const [before, filesBefore] = [await facts(), near.messages('Suites')]
  assert.equal(before['MESSAGES'], messages.length)
  await near.sync()
  assert.deepEqual(await facts(), before)
  assert.deepEqual(near.messages('Suites'), filesBefore)

  const elsewhere = new Maildir(scratchFolder(t), server, login)
  await elsewhere.sync()
  const pulled = elsewhere.messages('Suites').map((file) => readFileSync(file, 'latin1').replace(/^X-TUID: .*\n/m, ''))
  assert.deepEqual(pulled.sort(), messages.map(({ bytes }) => bytes.toString('latin1')).sort())
})

test('flags, new mail, new mailboxes and deletions go both ways', { skip: missing('mbsync') }, async (t) => {
  const { client, near } = await stage(t)
  const message = (n: number) => Buffer.from(`Message-ID: <m${n}@test.example>\r\nSubject: message ${n}\r\n\r\nbody ${n}\r\n`)
  for (const n of [1, 2, 3]) assert.equal((await client.command('APPEND INBOX ', message(n))).status, 'OK')
  await client.command('CREATE "Projekte/Daruma"')
  await client.command('APPEND "Projekte/Daruma" (\\Flagged) ', message(4))
  await client.command('CREATE "&ZeVnLIqe-"')
  await client.command('APPEND "&ZeVnLIqe-" ', message(5))
  await near.sync()
  assert.equal(near.messages('INBOX').length, 3)
  assert.equal(near.messages('Projekte/Daruma').length, 1)
  assert.ok(near.messages('Projekte/Daruma')[0]?.endsWith(':2,F'))
  assert.equal(near.messages('&ZeVnLIqe-').length, 1, 'mbsync keeps names as they are on the wire')

  const fileOf = (subject: string) => near.messages('INBOX').find((file) => readFileSync(file, 'latin1').includes(`Subject: ${subject}\n`)) ?? assert.fail(subject)
  const flagged = fileOf('message 1')
  renameSync(flagged, join(near.folder, 'mail/INBOX/cur', `${flagged.split('/').at(-1)?.replace(/:2,.*$/, '')}:2,FRS`))
  rmSync(fileOf('message 2'))
  near.add('INBOX', '1600000001.9.here', Buffer.from('Message-ID: <m6@test.example>\nSubject: message 6\n\nbody 6\n'))
  near.add('Neu', '1600000001.10.here', Buffer.from('Message-ID: <m7@test.example>\nSubject: message 7\n\nbody 7\n'))
  await client.command('SELECT INBOX')
  await client.command('STORE 3 +FLAGS.SILENT (\\Answered)')
  await client.command('APPEND INBOX ', message(8))
  await near.sync()

  await client.command('NOOP')
  const subjects = (await client.fetch('1:*', '(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])'))
    .map(({ items }) => [String(items.get('BODY[HEADER.FIELDS (SUBJECT)]')).trim(), (items.get('FLAGS') as string[]).filter((flag) => flag !== '\\Recent').sort().join(' ')])
  assert.deepEqual(subjects, [
    ['Subject: message 1', '\\Answered \\Flagged \\Seen'],
    ['Subject: message 3', '\\Answered'],
    ['Subject: message 8', ''],
    ['Subject: message 6', ''],
  ])
  assert.ok(fileOf('message 3').endsWith('R'))
  assert.ok(fileOf('message 8'))
  assert.deepEqual(await client.statusOf('Neu', 'MESSAGES'), { MESSAGES: 1 })

  await client.command('STORE 1 +FLAGS.SILENT (\\Deleted)')
  await client.command('EXPUNGE')
  await near.sync()
  assert.ok(!near.messages('INBOX').some((file) => readFileSync(file, 'latin1').includes('Subject: message 1\n')))
  assert.equal(near.messages('INBOX').length, 3)
})
