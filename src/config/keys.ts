// The one table of everything that daruma.toml may say. The parser, `config reference`, docs/CONFIG.md
// and the list of what a reload can change are all made from it. Pure.
import { type LimitName, limitDefaults } from '../base/limits.ts'
import type { LogLevel } from '../base/log.ts'
import { type Text, sameText, text } from '../base/language.ts'
import { type HostPort, type Kind, choiceKind, countKind, domainKind, durationKind, flagKind, listenKind, networksKind, optionalKind, pathKind, pathsKind, remoteKind, resolversKind, sizeKind, wordsKind } from './kinds.ts'
import { limitMeanings } from './limit-meanings.ts'

export interface Key<T> {
  /** As written, sections joined by dots: "listen.smtp". */
  readonly name: string
  readonly kind: Kind<T>
  readonly default: T
  /** Said in the reference in place of the default, where that is found out at start. */
  readonly defaultMeans?: Text
  readonly meaning: Text
  /** A value as it is written in the file. A test reads each one. */
  readonly example: string
  /** Whether SIGHUP or `daruma reload` changes it in a running server. */
  readonly runtime: boolean
  /** Not built yet: only "off" is taken. */
  readonly notYet?: true
}

export type AnyKey = Key<unknown>

function key<T>(name: string, kind: Kind<T>, rest: Omit<Key<T>, 'name' | 'kind'>): Key<T> {
  return { name, kind, ...rest }
}

const mebi = 1024 * 1024
const userName = wordsKind({
  name: text('name of a user', 'ユーザー名'),
  pattern: /^[a-z_][a-z0-9_.-]{0,31}\$?$/i,
  expected: text('the name of a user of this machine', 'このマシンのユーザー名'),
})
const words = wordsKind({
  name: text('text', '文字列'),
  pattern: /^[^\0\r\n]{1,255}$/,
  expected: text('text on one line', '一行の文字列'),
})
const separator = wordsKind({
  name: text('one character, or ""', '一文字、または ""'),
  pattern: /^[!#$%&'*+/=?^_`{|}~-]?$/,
  expected: text('one character that may stand in a local part, such as "+" or "-", or "" for none', '"+" や "-" のような、ローカル部に使える一文字。使わないときは ""'),
})
const mailAddress = wordsKind({
  name: text('mail address', 'メールアドレス'),
  pattern: /^[^\s@<>]{1,64}@[^\s@<>]{1,253}$/,
  expected: text('a mail address such as "admin@example.org"', '"admin@example.org" のようなメールアドレス'),
})

const webAddress = wordsKind({
  name: text('web address', 'ウェブアドレス'),
  pattern: /^https?:\/\/[^\s/"'<>?#]{1,253}(?:\/[^\s"'<>?#]{0,500})?$/,
  expected: text('an address such as "https://status.example.org/"', '"https://status.example.org/" のようなアドレス'),
})

function listen(door: string, example: string, meaning: Text, notYet?: true): Key<readonly HostPort[]> {
  return key(`listen.${door}`, listenKind, { default: [], meaning, example, runtime: false, ...(notYet ? { notYet } : {}) })
}

/** One thread for each kind of work is what is built; the keys are there so that configs can say so. */
const threadCount: Kind<number> = {
  ...countKind(1, 1),
  name: text('number', '数値'),
  read: (value) => (value === 1 ? { ok: true, value } : { ok: false, expected: text('1: more threads of a kind are not yet supported by this version', '1（この版では、一種類につき一つのスレッドだけです）') }),
}

const YEAR_MS = 365 * 24 * 3600_000

export const keys = {
  hostname: key<string>('hostname', domainKind, {
    default: '',
    defaultMeans: text("the machine's own name", 'このマシンの名前'),
    meaning: text('The name by which this server introduces itself. It should resolve to this machine, and this machine\'s address back to it.', 'このサーバーが名乗る名前。正引きでこのマシンに、逆引きでこの名前になるようにします。'),
    example: '"mail.example.org"',
    runtime: false,
  }),
  data: key<string>('data', pathKind, {
    default: '/var/lib/daruma',
    meaning: text('Where everything is kept: journal, databases, certificates. A local disk, never a network file system.', 'すべてを置く場所（ジャーナル、データベース、証明書）。ローカルディスクに限り、ネットワークファイルシステムは使えません。'),
    example: '"/var/lib/daruma"',
    runtime: false,
  }),

  listenSmtp: listen('smtp', '"*:25"', text('Mail from other servers (MX), STARTTLS.', '他のサーバーからのメール（MX、STARTTLS）。')),
  listenSubmission: listen('submission', '"*:587"', text('Mail from your own users, STARTTLS.', '利用者からのメール（STARTTLS）。')),
  listenSubmissions: listen('submissions', '"*:465"', text('Mail from your own users, TLS from the first octet.', '利用者からのメール（最初から TLS）。')),
  listenImap: listen('imap', '["127.0.0.1:143", "[::1]:143"]', text('Reading mail, STARTTLS.', 'メールを読む（STARTTLS）。')),
  listenImaps: listen('imaps', '"*:993"', text('Reading mail, TLS from the first octet.', 'メールを読む（最初から TLS）。')),
  listenPop3: listen('pop3', '"off"', text('Fetching mail by POP3, STARTTLS.', 'POP3 でメールを取り出す（STARTTLS）。'), true),
  listenPop3s: listen('pop3s', '"off"', text('Fetching mail by POP3, TLS from the first octet.', 'POP3 でメールを取り出す（最初から TLS）。'), true),
  listenManagesieve: listen('managesieve', '"off"', text('Editing mail filters.', 'メールの振り分けを編集する。'), true),
  listenHttp: listen('http', '"off"', text('Webmail and console.', 'ウェブメールと管理画面。'), true),

  plaintextLogin: key<'never' | 'loopback'>('security.plaintext_login', choiceKind(['never', 'loopback']), {
    default: 'never',
    meaning: text('Whether a password may be sent without TLS: never, or only over connections from this very machine.', 'TLS なしでパスワードを送ってよいか。"never" は不可、"loopback" はこのマシン自身からの接続だけ可。'),
    example: '"loopback"',
    runtime: true,
  }),
  scram: key('security.scram', flagKind, {
    default: true,
    meaning: text('Offer SCRAM-SHA-256, by which the password itself never crosses the network.', 'パスワードそのものを送らない SCRAM-SHA-256 を使えるようにします。'),
    example: 'true',
    runtime: true,
  }),

  certificate: key('tls.certificate', optionalKind(pathKind), {
    default: undefined,
    defaultMeans: text('a self-signed certificate in the data directory', 'データディレクトリに作る自己署名証明書'),
    meaning: text('Certificate chain in PEM, the server\'s own first. A reload reads it again, as the user the server then is.', 'PEM 形式の証明書チェーン。サーバー自身のものを先頭に置きます。読み直しのときは、その時点のサーバーのユーザーで読みます。'),
    example: '"/etc/letsencrypt/live/mail.example.org/fullchain.pem"',
    runtime: true,
  }),
  certificateKey: key('tls.key', optionalKind(pathKind), {
    default: undefined,
    defaultMeans: text('made together with the certificate', '証明書とともに作成'),
    meaning: text('The private key of the certificate, PEM, without a passphrase.', '証明書の秘密鍵（PEM、パスフレーズなし）。'),
    example: '"/etc/letsencrypt/live/mail.example.org/privkey.pem"',
    runtime: true,
  }),

  dnsServers: key('dns.servers', resolversKind, {
    default: [],
    defaultMeans: text('those of the machine (/etc/resolv.conf)', 'このマシンの設定（/etc/resolv.conf）'),
    meaning: text('Name servers to ask.', '問い合わせる DNS サーバー。'),
    example: '["127.0.0.1", "192.0.2.53:5353"]',
    runtime: true,
  }),

  outboundPort: key('outbound.port', countKind(1, 65_535), {
    default: 25,
    meaning: text('The port at which other servers are called. Anything but 25 is for tests and closed networks.', '他のサーバーに接続するポート。25 以外はテストや閉じたネットワーク用です。'),
    example: '25',
    runtime: true,
  }),
  smarthost: key('outbound.smarthost', remoteKind(587), {
    default: undefined,
    meaning: text('One server that takes all outgoing mail. A [[route]] goes before it.', '外に出るメールをすべて引き受けるサーバー。[[route]] が優先します。'),
    example: '"smtp.provider.example:587"',
    runtime: true,
  }),
  smarthostUser: key('outbound.smarthost_user', optionalKind(words), {
    default: undefined,
    meaning: text('The name to log in with at the smart host. The password is sent under TLS only.', 'スマートホストにログインする名前。パスワードは TLS の下でだけ送ります。'),
    example: '"customer-17"',
    runtime: true,
  }),
  smarthostPasswordFile: key('outbound.smarthost_password_file', optionalKind(pathKind), {
    default: undefined,
    meaning: text('A file whose first line is the password for the smart host; readable by the server\'s user alone.', 'スマートホストのパスワードを一行目に書いたファイル。サーバーのユーザーだけが読めるようにします。'),
    example: '"/etc/daruma/smarthost.password"',
    runtime: true,
  }),
  receivedShowsClient: key('outbound.received_shows_client', flagKind, {
    default: false,
    meaning: text('Whether mail from your own users shows, in its Received line, the address they sent it from.', '利用者が送ったメールの Received 行に、送信元のアドレスを示すかどうか。'),
    example: 'true',
    runtime: true,
  }),

  journalMirrors: key('journal.mirrors', pathsKind, {
    default: [],
    meaning: text('Directories, best on other disks, in which every record is kept a second time before it is acknowledged.', '記録を確認応答の前に二重に書くディレクトリ。別のディスクに置くのが最善です。'),
    example: '["/mnt/second/daruma"]',
    runtime: false,
  }),
  dropFullMirror: key('journal.drop_full_mirror', flagKind, {
    default: false,
    meaning: text('Whether a mirror whose disk is full is dropped, so that mail goes on being taken with one copy less. Otherwise all mail is refused for now (452).', 'ミラーのディスクが満杯のとき、そのミラーを外して受信を続けるかどうか（控えは一つ減ります）。外さなければ、空きができるまでメールを一時的に断ります（452）。'),
    example: 'true',
    runtime: false,
  }),
  segmentSize: key('journal.segment_size', sizeKind(256 * 1024, 4096 * mebi), {
    default: 64 * mebi,
    meaning: text('Size of one file of the journal. Smaller ones suit small disks.', 'ジャーナルのファイル一つの大きさ。小さなディスクでは小さくします。'),
    example: '"16M"',
    runtime: false,
  }),

  intakeDirectory: key('intake.directory', optionalKind(pathKind), {
    default: undefined,
    defaultMeans: text('"intake" in `data`', '`data` の中の「intake」'),
    meaning: text('Where the understudy keeps what it takes while the server is away. On another disk it goes on when the disk of `data` is full or broken.', 'サーバーが動いていない間に代役が受け取ったメールを置くディレクトリ。別のディスクに置くと、`data` のディスクがいっぱいになったり壊れたりしても受信を続けられます。'),
    example: '"/mnt/second/daruma-intake"',
    runtime: false,
  }),

  scrubEvery: key('scrub.every', durationKind(0, YEAR_MS), {
    default: 7 * 24 * 3600_000,
    meaning: text('How often everything is read and compared: every octet of the journal on every disk, every message, every database. What is damaged is mended from another copy or made again. "0s": never by itself.', 'すべてを読み直して照合する間隔（すべてのディスクのジャーナル、すべてのメール、すべてのデータベース）。壊れたものは別の写しから直すか、作り直します。"0s" なら自動では行いません。'),
    example: '"30d"',
    runtime: true,
  }),
  scrubRate: key('scrub.rate', sizeKind(64 * 1024, 4096 * mebi), {
    default: 20 * mebi,
    meaning: text('It reads no more than so much in a second.', '一秒間に読む量の上限。'),
    example: '"5M"',
    runtime: true,
  }),

  threadsTaking: key('threads.taking', threadCount, {
    default: 1,
    meaning: text('Threads that take mail (SMTP, submission).', 'メールを受け取るスレッド（SMTP、サブミッション）の数。'),
    example: '1',
    runtime: false,
  }),
  threadsReading: key('threads.reading', threadCount, {
    default: 1,
    meaning: text('Threads that serve readers (IMAP).', 'メールを読ませるスレッド（IMAP）の数。'),
    example: '1',
    runtime: false,
  }),
  threadsAccounts: key('threads.accounts', threadCount, {
    default: 1,
    meaning: text('Threads that write to the databases of the accounts.', 'アカウントのデータベースに書くスレッドの数。'),
    example: '1',
    runtime: false,
  }),

  runUser: key('run.user', optionalKind(userName), {
    default: undefined,
    defaultMeans: text('whoever starts it', '起動したユーザー'),
    meaning: text('Started as root, the server opens its ports and then becomes this user.', 'root で起動したとき、ポートを開いたあとこのユーザーになります。'),
    example: '"daruma"',
    runtime: false,
  }),

  subaddressSeparator: key('delivery.subaddress_separator', separator, {
    default: '+',
    meaning: text('What separates a user from a tag: mail for user+tag goes to user. "" turns this off.', 'ユーザーとタグの区切り。user+tag 宛ては user に届きます。"" で無効になります。'),
    example: '"-"',
    runtime: true,
  }),
  postmaster: key('delivery.postmaster', optionalKind(mailAddress), {
    default: undefined,
    defaultMeans: text('the first account', '最初のアカウント'),
    meaning: text('Who gets mail for postmaster in every domain that has no such account or alias (RFC 5321 asks for one).', 'postmaster というアカウントや別名のないドメインで、postmaster 宛てのメールを受け取る人（RFC 5321 の求め）。'),
    example: '"admin@example.org"',
    runtime: true,
  }),

  proxyNetworks: key('proxy.networks', networksKind, {
    default: [],
    meaning: text('Load balancers that announce the real client by the PROXY protocol (v1 or v2). Connections from them must begin with it.', 'PROXY プロトコル（v1、v2）で本当のクライアントを知らせるロードバランサー。そこからの接続は必ずそれで始まる必要があります。'),
    example: '["10.0.0.0/8"]',
    runtime: true,
  }),

  statusListen: key<readonly HostPort[]>('status.listen', listenKind, {
    default: [],
    meaning: text('Where the public status page is served, by plain HTTP: put a web server with TLS before it. It stays up while the mail server is down.', '公開の状態ページを平文の HTTP で出す場所。TLS のあるウェブサーバーを前に置きます。メールサーバーが止まっている間も見られます。'),
    example: '"127.0.0.1:2080"',
    runtime: false,
  }),
  statusTitle: key('status.title', optionalKind(words), {
    default: undefined,
    defaultMeans: text('the host name', 'ホスト名'),
    meaning: text('What the status page calls this service.', '状態ページでのこのサービスの呼び名。'),
    example: '"Example Mail"',
    runtime: true,
  }),
  statusPublish: key('status.publish', optionalKind(pathKind), {
    default: undefined,
    meaning: text('A directory into which the status page is written as files at every change, to be shown by another host: whoever cannot reach this one can read it there.', '変化のたびに状態ページをファイルとして書くディレクトリ。別のホストで公開すれば、このマシンに届かない人も読めます。'),
    example: '"/srv/status"',
    runtime: true,
  }),
  statusPublicUrl: key('status.public_url', optionalKind(webAddress), {
    default: undefined,
    meaning: text('The address under which people open the status page; stands in the feed and in announcements.', '状態ページを開くための公開アドレス。フィードとお知らせに載ります。'),
    example: '"https://status.example.org/"',
    runtime: true,
  }),

  logLevel: key<LogLevel>('log.level', choiceKind(['debug', 'info', 'warn', 'error']), {
    default: 'info',
    meaning: text('How much is written to the log (stderr, one JSON object a line).', 'ログ（標準エラー、一行に一つの JSON）の詳しさ。'),
    example: '"debug"',
    runtime: true,
  }),
} as const

/** Keys of one [[route]]. */
export const routeKeys = {
  domain: key('route.domain', wordsKind({
    name: text('domain, or "*"', 'ドメイン、または "*"'),
    pattern: /^(?:\*|[^\s@<>*]{1,253})$/,
    expected: text('a domain such as "example.net", or "*" for all others', '"example.net" のようなドメイン、またはその他すべてを表す "*"'),
  }), {
    default: '',
    defaultMeans: text('must be given', '必須'),
    meaning: text('Mail for this domain goes to `host` without asking the DNS. For tests and closed networks.', 'このドメイン宛てのメールは DNS を引かずに `host` に送ります。テストや閉じたネットワーク用です。'),
    example: '"partner.example"',
    runtime: true,
  }),
  host: key('route.host', wordsKind({
    name: text('host name or address', 'ホスト名またはアドレス'),
    pattern: /^[^\s[\]/@]{1,253}$/,
    expected: text('a host name or an IP address, the port in a key of its own', 'ホスト名または IP アドレス（ポートは別のキー）'),
  }), {
    default: '',
    defaultMeans: text('must be given', '必須'),
    meaning: text('The server to call.', '接続するサーバー。'),
    example: '"192.0.2.25"',
    runtime: true,
  }),
  port: key('route.port', countKind(1, 65_535), {
    default: 25,
    meaning: text('Its port.', 'そのポート。'),
    example: '2525',
    runtime: true,
  }),
} as const

/** Node's timers take no longer wait than this. */
const TIMER_MS_MAX = 24 * 24 * 3600_000

/** Numbers that code or clients cannot follow further: nested parts are read by functions that call themselves. */
const COUNTS_MAX: { readonly [name in LimitName]?: number } = { mime_depth_max: 400 }

/** Read once, by threads or budgets that live as long as the server. */
const FIXED_LIMITS: ReadonlySet<LimitName> = new Set(['memory_message_octets_max', 'snapshot_records', 'account_lag_octets_max', 'server_stuck_ms', 'incidents_max'])

function limitKey(name: LimitName): Key<number> {
  const kind = name.endsWith('_ms') ? durationKind(1, name.startsWith('queue_') ? YEAR_MS : TIMER_MS_MAX)
    : name.includes('octets') ? sizeKind(name.startsWith('disk_') ? 0 : 1)
    : countKind(1, COUNTS_MAX[name] ?? 100_000_000)
  return key(`limits.${name}`, kind, {
    default: limitDefaults[name],
    meaning: limitMeanings[name] ?? sameText(name.replaceAll('_', ' ')),
    example: kind.print(limitDefaults[name]),
    runtime: !FIXED_LIMITS.has(name),
  })
}

export const limitKeys: readonly (Key<number> & { readonly limit: LimitName })[] = (Object.keys(limitDefaults) as LimitName[])
  .map((limit) => ({ ...limitKey(limit), limit }))

/** Every key outside [[route]], in the order of the reference. */
export const allKeys: readonly AnyKey[] = [...(Object.values(keys) as AnyKey[]), ...(limitKeys as readonly AnyKey[])]
