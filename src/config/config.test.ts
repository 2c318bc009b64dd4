import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limitDefaults } from '../base/limits.ts'
import { type Config, parseConfig } from './config.ts'
import { allKeys, routeKeys } from './keys.ts'
import { limitMeanings } from './limit-meanings.ts'
import { printProblem } from './problem.ts'
import { planReload } from './reload-plan.ts'
import { trialConfig } from './trial-config.ts'

const source = { file: 'daruma.toml', folder: '/etc/daruma', machineName: 'mx.example.org' }

function good(toml: string): Config {
  const parsed = parseConfig(toml, source)
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.reason)
  return parsed.value.config
}

function problemsOf(toml: string): string[] {
  const parsed = parseConfig(toml, source)
  assert.ok(!parsed.ok, 'was taken although it is wrong')
  return parsed.problems.map((problem) => printProblem(source.file, problem, 'en'))
}

test('a whole file is read into a typed config', () => {
  const config = good(`
hostname = "Mail.Example.org"
data = "store"          # relative: counts from the folder of the file
[listen]
smtp = "0.0.0.0:25"
submission = ["127.0.0.1:587", "[::1]:587"]
imaps = "*:993"
pop3 = "off"
http = "off"
[security]
plaintext_login = "loopback"
scram = false
[tls]
certificate = "cert.pem"
key = "/keys/key.pem"
[dns]
servers = ["192.0.2.53", "[2001:db8::53]:5353"]
[outbound]
port = 2525
smarthost = "smart.example:587"
smarthost_user = "me"
smarthost_password_file = "../secret"
received_shows_client = true
[journal]
mirrors = ["/mnt/b"]
segment_size = "16M"
[limits]
message_octets_max = "10M"
smtp_idle_ms = "7m"
recipients_max = 500
disk_reserve_octets = 0
[delivery]
subaddress_separator = "-"
[proxy]
networks = ["10.0.0.0/8"]
[log]
level = "warn"
[[route]]
domain = "Partner.Example"
host = "127.0.0.1"
port = 2600
[[route]]
domain = "*"
host = "relay.example"
`)
  assert.equal(config.hostname, 'mail.example.org')
  assert.equal(config.data, '/etc/daruma/store')
  assert.deepEqual(config.listen.smtp, [{ host: '0.0.0.0', port: 25 }])
  assert.deepEqual(config.listen.submission, [{ host: '127.0.0.1', port: 587 }, { host: '::1', port: 587 }])
  assert.deepEqual(config.listen.imaps, [{ host: '0.0.0.0', port: 993 }, { host: '::', port: 993 }])
  assert.deepEqual(config.listen.imap, [])
  assert.deepEqual(config.security, { plaintextLogin: 'loopback', scram: false })
  assert.deepEqual(config.tls, { certificate: '/etc/daruma/cert.pem', key: '/keys/key.pem' })
  assert.deepEqual(config.dns.servers, [{ host: '192.0.2.53', port: 53 }, { host: '2001:db8::53', port: 5353 }])
  assert.deepEqual(config.outbound, { port: 2525, smarthost: { host: 'smart.example', port: 587, login: { user: 'me', passwordFile: '/etc/secret' } }, receivedShowsClient: true })
  assert.deepEqual(config.journal, { mirrors: ['/mnt/b'], segmentSizeOctets: 16 * 1024 * 1024, dropFullMirror: false })
  assert.deepEqual(config.routes, [{ domain: 'partner.example', host: '127.0.0.1', port: 2600 }, { domain: '*', host: 'relay.example', port: 25 }])
  assert.equal(config.limits.message_octets_max, 10 * 1024 * 1024)
  assert.equal(config.limits.smtp_idle_ms, 420_000)
  assert.equal(config.limits.recipients_max, 500)
  assert.equal(config.limits.disk_reserve_octets, 0)
  assert.equal(config.limits.imap_idle_ms, limitDefaults.imap_idle_ms)
  assert.equal(config.delivery.subaddressSeparator, '-')
  assert.equal(config.log.level, 'warn')
  assert.throws(() => Object.assign(config.listen, { smtp: [] }), TypeError)
})

test('what is not said has its default; the host name is that of the machine', () => {
  const config = good('')
  assert.equal(config.hostname, 'mx.example.org')
  assert.equal(config.data, '/var/lib/daruma')
  assert.equal(config.security.plaintextLogin, 'never')
  assert.deepEqual(config.limits, limitDefaults)
  const parsed = parseConfig('', { ...source, machineName: 'localhost' })
  assert.ok(!parsed.ok && /"hostname" must be given/.test(parsed.reason))
})

const WRONG: [what: string, toml: string, expected: RegExp[]][] = [
  ['key misspelled at the top', 'hostname = "a.example"\ndato = "/x"', [/^daruma\.toml:2: unknown key "dato"; did you mean "data"\?$/]],
  ['key misspelled in a section', '[listen]\n\n# comment\nstmp = "0.0.0.0:25"', [/^daruma\.toml:4: unknown key "listen\.stmp"; did you mean "listen\.smtp"\?$/]],
  ['key in the wrong section', 'plaintext_login = "never"', [/^daruma\.toml:1: unknown key "plaintext_login"; did you mean "security\.plaintext_login"\?$/]],
  ['section misspelled', '\n[securty]\nscram = true', [/^daruma\.toml:2: unknown key "securty"; did you mean "security"\?$/]],
  ['nothing like it', 'xyzzyplugh = 1', [/^daruma\.toml:1: unknown key "xyzzyplugh"; "daruma config reference" lists all keys$/]],
  ['key of a prototype', '__proto__ = 1\nconstructor = 2', [/^daruma\.toml:1: unknown key "__proto__"/, /^daruma\.toml:2: unknown key "constructor"/]],
  ['section where a value was given', 'listen = "0.0.0.0:25"', [/^daruma\.toml:1: "listen" must be a section, written \[listen\]/]],
  ['number for an address', '[listen]\nimaps = 993', [/^daruma\.toml:2: "listen\.imaps" must be "address:port".*; found 993$/]],
  ['name for an address', '[listen]\nsmtp = "mail.example.org:25"', [/^daruma\.toml:2: "listen\.smtp" must be/]],
  ['the port of every address and one of them', '[listen]\nsmtp = "*:25"\nimap = "[::]:25"', [/^daruma\.toml:3: "listen\.imap" and "listen\.smtp" cannot both have \[::\]:25$/]],
  ['no such address', '[listen]\nsmtp = "10.0.0.300:25"', [/^daruma\.toml:2: /]],
  ['no such port', '[listen]\nsmtp = "127.0.0.1:70000"', [/^daruma\.toml:2: /]],
  ['one port twice', '[listen]\nsmtp = "127.0.0.1:2525"\nimap = "127.0.0.1:2525"', [/^daruma\.toml:3: "listen\.imap" and "listen\.smtp" cannot both have 127\.0\.0\.1:2525$/]],
  ['text for a flag', '[security]\nscram = "yes"', [/^daruma\.toml:2: "security\.scram" must be true or false, without quotes; found "yes"$/]],
  ['a word that is no choice', '[security]\nplaintext_login = "always"', [/^daruma\.toml:2: "security\.plaintext_login" must be one of "never", "loopback"; found "always"$/]],
  ['a size in a wrong unit', '[limits]\nmessage_octets_max = "50X"', [/^daruma\.toml:2: "limits\.message_octets_max" must be a size/]],
  ['a negative count', '[limits]\nrecipients_max = -1', [/^daruma\.toml:2: "limits\.recipients_max" must be a whole number from 1/]],
  ['a time without unit as text', '[limits]\nsmtp_idle_ms = "5"', [/^daruma\.toml:2: "limits\.smtp_idle_ms" must be a time/]],
  ['certificate alone', '[tls]\ncertificate = "/c.pem"', [/^daruma\.toml:2: "tls\.certificate" needs "tls\.key" as well$/]],
  ['mirror inside the data', 'data = "/d"\n[journal]\nmirrors = ["/d/mirror"]', [/^daruma\.toml:3: the mirror \/d\/mirror must be/]],
  ['not built yet', '[listen]\npop3 = "127.0.0.1:110"\nhttp = "127.0.0.1:80"', [/^daruma\.toml:2: "listen\.pop3" is not yet supported/, /^daruma\.toml:3: "listen\.http" is not yet supported/]],
  ['more threads than are built', '[threads]\nreading = 2', [/^daruma\.toml:2: "threads\.reading" must be 1: more threads of a kind are not yet supported by this version; found 2$/]],
  ['route without host', '[[route]]\ndomain = "a.example"\nhost = "h"\n[[route]]\ndomain = "b.example"', [/^daruma\.toml:4: this \[\[route\]\] lacks "host"$/]],
  ['key of a route misspelled', '[[route]]\ndomain = "a.example"\nhost = "h"\nprot = 25', [/^daruma\.toml:4: unknown key "route\.prot"; did you mean "route\.port"\?$/]],
  ['route as a plain table', '[route]\ndomain = "a.example"', [/^daruma\.toml:1: "route" must be written as \[\[route\]\]/]],
  ['no TOML', 'hostname = "a.example"\ndata = /x', [/^daruma\.toml:2: not valid TOML at column \d+: /]],
  ['the same key twice', 'data = "/a"\ndata = "/b"', [/^daruma\.toml:2: not valid TOML/]],
  ['after values over many lines', 'hostname = """\na\nb"""\n[listen]\nsmtp = [\n  "127.0.0.1:1", # one\n  "127.0.0.1:2"\n]\n"imap\'s" = "off"', [/^daruma\.toml:1: "hostname" must be/, /^daruma\.toml:9: unknown key "listen\.imap's"/]],
  ['dotted and inline', 'listen.smpt = "off"\ntls = { certificate = "/c", keyy = "/k" }', [/^daruma\.toml:1: unknown key "listen\.smpt"; did you mean "listen\.smtp"/, /^daruma\.toml:2: unknown key "tls\.keyy"; did you mean "tls\.key"/, /^daruma\.toml:2: "tls\.certificate" needs/]],
]

for (const [what, toml, expected] of WRONG) {
  test(`refused: ${what}`, () => {
    const found = problemsOf(toml)
    assert.equal(found.length, expected.length, found.join('\n'))
    for (const pattern of expected) assert.ok(found.some((line) => pattern.test(line)), `${pattern} in ${found.join('\n')}`)
  })
}

test('every example of the reference can be written as it stands', () => {
  for (const key of allKeys) {
    const reading = key.kind.read(JSON.parse(key.example), '/')
    assert.ok(reading.ok, `${key.name} = ${key.example}`)
  }
  for (const key of Object.values(routeKeys)) assert.ok(key.kind.read(JSON.parse(key.example), '/').ok, key.name)
})

test('every default of a key can be written down and read again', () => {
  for (const key of allKeys) {
    if (key.default === undefined || key.default === '') continue
    const reading = key.kind.read(JSON.parse(key.kind.print(key.default)), '/')
    assert.ok(reading.ok, key.name)
    assert.deepEqual(reading.value, key.default, key.name)
  }
})

test('every limit has a meaning in both languages', () => {
  for (const name of Object.keys(limitDefaults) as (keyof typeof limitDefaults)[]) assert.ok(limitMeanings[name], `${name} lacks a meaning in limit-meanings.ts`)
})

test('a reload takes what can change and names what cannot', () => {
  const running = parseConfig('data = "/a"\n[log]\nlevel = "info"', source)
  const read = parseConfig('data = "/b"\n[log]\nlevel = "debug"\n[limits]\nrecipients_max = 7\n[[route]]\ndomain = "x.example"\nhost = "h"', source)
  assert.ok(running.ok && read.ok)
  const plan = planReload(running.value, read.value)
  assert.deepEqual(plan.changed, ['log.level', 'limits.recipients_max', 'route'])
  assert.deepEqual(plan.needRestart, ['data'])
  assert.equal(plan.next.config.data, '/a')
  assert.equal(plan.next.config.log.level, 'debug')
  assert.equal(plan.next.config.limits.recipients_max, 7)
  assert.deepEqual(plan.next.config.routes, [{ domain: 'x.example', host: 'h', port: 25 }])
})

test('the command line goes before the file', () => {
  const parsed = parseConfig('data = "/a"\n[listen]\nsmtp = "0.0.0.0:25"', { ...source, overrides: { data: '/c', listen: { smtp: [{ host: '127.0.0.1', port: 0 }] } } })
  assert.ok(parsed.ok)
  assert.equal(parsed.value.config.data, '/c')
  assert.deepEqual(parsed.value.config.listen.smtp, [{ host: '127.0.0.1', port: 0 }])
})

test('trial mode listens on loopback only', () => {
  const { config } = trialConfig({ data: '/t' })
  assert.deepEqual(Object.values(config.listen).flat().map((at) => `${at.host}:${at.port}`), ['127.0.0.1:2525', '127.0.0.1:2587', '127.0.0.1:2465', '127.0.0.1:2143', '127.0.0.1:2993'])
  assert.equal(config.hostname, 'localhost.example')
})
