// Japanese mail as it is really written: in by SMTP, found by SEARCH in UTF-8, read back with every name and word
// right; mailboxes and commands in Japanese.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { simpleParser } from 'mailparser'
import { startDaruma } from '../harness/daruma-process.ts'
import { missing, run, scratchFolder } from '../harness/program.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'

const NAMES = ['jis', 'utf8', 'raw', 'sjis', 'microsoft'] as const
type Name = (typeof NAMES)[number]

test('subjects, texts and file names in ISO-2022-JP, UTF-8, Shift_JIS and nothing at all', { skip: missing('python3') }, async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret' } })
  const folder = scratchFolder(t)
  await run('python3', [join(import.meta.dirname, 'python/japanese_mail.py'), String(server.ports.smtp), 'ada@test.example', folder])
  const reader = await server.imap('ada@test.example', 'secret')
  t.after(() => reader.connection.destroy())
  await reader.waitForMessages(NAMES.length)
  for (const [index, name] of NAMES.entries()) {
    const kept = await reader.bytesOf(index + 1)
    assert.ok(kept.subarray(-readFileSync(join(folder, name)).length).equals(readFileSync(join(folder, name))), `${name} ends with the bytes that were sent`)
  }

  const found = async (...search: (string | Uint8Array)[]): Promise<Name[]> => {
    const answer = await reader.command('SEARCH CHARSET UTF-8 ', ...search)
    assert.equal(answer.status, 'OK', answer.text)
    const numbers = answer.untagged.find((values) => values[0] === 'SEARCH')?.slice(1) ?? []
    return numbers.map((number) => NAMES[Number(number) - 1] ?? assert.fail(String(number)))
  }
  const words = (text: string) => Buffer.from(text)
  assert.deepEqual(await found('SUBJECT ', words('議事録')), ['jis'])
  assert.deepEqual(await found('SUBJECT ', words('請求書')), ['utf8'])
  assert.deepEqual(await found('SUBJECT ', words('生の件名')), ['raw'])
  assert.deepEqual(await found('SUBJECT ', words('送信')), ['sjis'])
  assert.deepEqual(await found('SUBJECT ', words('①案')), ['microsoft'])
  assert.deepEqual(await found('FROM ', words('山田太郎')), ['jis'])
  assert.deepEqual(await found('FROM ', words('鈴木')), ['raw'])
  assert.deepEqual(await found('BODY ', words('打ち合わせ')), ['jis'])
  assert.deepEqual(await found('BODY ', words('御見積書')), ['utf8'])
  assert.deepEqual(await found('BODY ', words('生のまま')), ['raw'])
  assert.deepEqual(await found('TEXT ', words('表示が化けません')), ['sjis'])
  assert.deepEqual(await found('TEXT ', words('①案')), ['microsoft'])
  // One writes half-width kana and the other full-width: to a reader it is one word (SEARCH may fold as it likes, RFC 3501 §6.4.4).
  assert.deepEqual(await found('SUBJECT ', words('テスト')), ['sjis'])
  assert.deepEqual(await found('BODY ', words('ハンカク')), ['sjis'])
  assert.deepEqual(await found('OR SUBJECT ', words('議事録'), ' SUBJECT ', words('見積書')), ['jis', 'utf8'])
  assert.deepEqual(await found('TEXT ', words('どこにもない言葉')), [])

  const parsed = await Promise.all((await reader.fetch('1:*', '(BODY.PEEK[])')).map(({ items }) => simpleParser(items.get('BODY[]') as Buffer)))
  assert.deepEqual(parsed.map(({ subject }) => subject).slice(0, 4), ['会議の議事録をお送りします（改訂版）', '見積書と請求書', '生の件名です', 'ﾃｽﾄ送信'])
  assert.deepEqual(parsed.slice(0, 3).map(({ attachments }) => attachments[0]?.filename), ['議事録.pdf', '見積書.xlsx', '名簿.csv'])

  // Parts are fetched as they are, by those who know what to do with them.
  const [jis] = await reader.fetch('1', '(BODYSTRUCTURE ENVELOPE BODY.PEEK[1])')
  assert.equal(new TextDecoder('iso-2022-jp').decode(jis?.items.get('BODY[1]') as Buffer), 'お世話になっております。\r\n来週の打ち合わせの件です。\r\n')
  assert.match(JSON.stringify(jis?.items.get('BODYSTRUCTURE')), /iso-2022-jp/i)
  assert.match(String((jis?.items.get('ENVELOPE') as unknown[] | undefined)?.[1]), /^=\?iso-2022-jp\?b\?/i, 'ENVELOPE keeps encoded words')
})

test('a mailbox named 日本語 goes round in modified UTF-7 and in UTF-8', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret' } })
  const old = await server.imap('ada@test.example', 'secret')
  const modern = await server.imap('ada@test.example', 'secret')
  t.after(() => old.connection.destroy())
  t.after(() => modern.connection.destroy())
  const names = async (client: typeof old) => (await client.command('LIST "" "*"')).untagged.filter((values) => values[0] === 'LIST')
    .map((values) => Buffer.from(String(values[3]), 'latin1').toString('utf8'))
  // RFC 3501 §5.1.3: the example's own encoding of 日本語 is &ZeVnLIqe-.
  assert.equal((await old.command('CREATE "&ZeVnLIqe-/&U,BTFw-"')).status, 'OK')
  assert.equal((await old.command('SUBSCRIBE "&ZeVnLIqe-"')).status, 'OK')
  assert.equal((await old.command('APPEND "&ZeVnLIqe-" ', Buffer.from('Subject: x\r\n\r\nx\r\n'))).status, 'OK')
  assert.ok((await names(old)).includes('&ZeVnLIqe-'))
  assert.ok((await names(old)).includes('&ZeVnLIqe-/&U,BTFw-'))

  assert.match(JSON.stringify((await modern.command('ENABLE UTF8=ACCEPT')).untagged), /UTF8=ACCEPT/i)
  assert.ok((await names(modern)).includes('日本語'))
  assert.ok((await names(modern)).includes('日本語/台北'))
  assert.equal((await modern.command('SELECT "日本語"')).status, 'OK')
  assert.equal((await modern.command('RENAME "日本語/台北" "日本語/東京 & 大阪"')).status, 'OK')
  assert.ok((await names(old)).includes('&ZeVnLIqe-/&Z3FOrA- &- &WSeWKg-'))
  assert.deepEqual(await old.statusOf('&ZeVnLIqe-', 'MESSAGES'), { MESSAGES: 1 })
  assert.equal((await old.command('CREATE "&ZeVnLIqe"')).status === 'OK', false, 'a name that is no modified UTF-7 is refused')
})

test('addresses in Japanese, and commands that speak it', async (t) => {
  const server = await startDaruma(t, { domain: 'test.example' })
  const env = { LANG: 'ja_JP.UTF-8', LC_ALL: '', LC_MESSAGES: '' }
  const added = await server.command(['account', 'add', '太郎@例え.example'], { env })
  assert.equal(added.code, 0, added.stderr)
  assert.match(added.stderr, /例え\.example はまだこのサーバーのドメイン/)
  assert.match(added.stdout, /^password: \S+$/m, 'what programs read is the same in every language')
  const password = /^password: (\S+)$/m.exec(added.stdout)?.[1] ?? ''
  const help = await server.command(['help'], { env })
  assert.match(help.stdout, /アカウントを追加する/)
  const wrong = await server.command(['acount', 'list'], { env })
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /「acount」というコマンドはありません/)
  const english = await server.command(['help'], { env: { ...env, LC_ALL: 'C' } })
  assert.doesNotMatch(english.stdout, /[ぁ-ん]/, 'LC_ALL goes before LANG')

  const client = await RawSmtp.open({ port: server.ports.smtp })
  assert.equal((await client.command('MAIL FROM:<花子@例え.example> SMTPUTF8')).code, 250)
  assert.equal((await client.command('RCPT TO:<太郎@例え.example>')).code, 250)
  assert.equal((await client.command('DATA')).code, 354)
  assert.equal((await client.command('From: 花子 <花子@例え.example>\r\nSubject: やあ\r\n\r\nやあ\r\n.')).code, 250)
  // The domain may also come as A-labels (RFC 5891).
  const aLabels = new URL('http://例え.example').hostname
  assert.equal((await client.command('MAIL FROM:<> SMTPUTF8')).code, 250)
  assert.equal((await client.command(`RCPT TO:<太郎@${aLabels}>`)).code, 250)
  await client.quit()
  const reader = await server.imap('太郎@例え.example', password)
  await reader.waitForMessages(1)
  await reader.logout()
  const rows = await server.json<{ recipient: string }[]>(['trace', '太郎@例え.example'])
  assert.equal(rows[0]?.recipient, '太郎@例え.example')

  assert.equal(await server.stop(), 0)
  const stopped = await server.command(['status'], { env })
  assert.equal(stopped.code, 69)
  assert.match(stopped.stderr, /サーバー/)
})
