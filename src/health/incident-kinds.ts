// Every kind of incident, and what is said about it. `what` and `doing` are for everybody (they stand on the public
// page and name neither people nor paths); `nextStep` is for whoever runs the server. Pure.
import { type Text, text } from '../base/language.ts'
import type { ServiceName } from './services.ts'

export type Severity = 'info' | 'minor' | 'major' | 'critical'

/** What is known of an incident, by name: "reason", "path", "account". For the operator; never on the public page. */
export type IncidentFacts = Readonly<Record<string, string | number>>

export interface IncidentSentences {
  readonly what: Text
  readonly doing: Text
  /** Undefined: nobody has to do anything. */
  readonly nextStep: Text | undefined
  /** Said when it is over and nothing else was said. */
  readonly over: Text
}

export interface IncidentKindMeaning {
  readonly severity: Severity
  readonly services: readonly ServiceName[]
  say(facts: IncidentFacts): IncidentSentences
}

const all: readonly ServiceName[] = ['smtp', 'submission', 'imap', 'queue']
const fact = (facts: IncidentFacts, name: string): string => (facts[name] === undefined ? '' : String(facts[name]))
/** ": reason", or nothing. */
const reasonEn = (facts: IncidentFacts): string => (facts['reason'] === undefined ? '' : ` (${fact(facts, 'reason')})`)
const reasonJa = (facts: IncidentFacts): string => (facts['reason'] === undefined ? '' : `（${fact(facts, 'reason')}）`)

function kind(severity: Severity, services: readonly ServiceName[], sentences: { what: Text; doing: Text; nextStep?: Text | ((facts: IncidentFacts) => Text); over: Text }): IncidentKindMeaning {
  const { what, doing, nextStep, over } = sentences
  return { severity, services, say: (facts) => ({ what, doing, nextStep: typeof nextStep === 'function' ? nextStep(facts) : nextStep, over }) }
}

export const incidentKinds = {
  'server-down': kind('major', all, {
    what: text('The mail server stopped unexpectedly.', 'メールサーバーが予期せず停止しました。'),
    doing: text('It is being started again. Mail from outside is taken meanwhile.', '再起動しています。その間も外からのメールは受け取ります。'),
    nextStep: (facts) => text(`Nothing at once: it restarts by itself. Read the log from this time for the cause${reasonEn(facts)}.`, `すぐにすることはありません。自動で再起動します。原因はこの時刻のログを見てください${reasonJa(facts)}。`),
    over: text('The server is back.', 'サーバーが復旧しました。'),
  }),
  'server-hung': kind('major', all, {
    what: text('The mail server did not respond any more.', 'メールサーバーが応答しなくなりました。'),
    doing: text('It was ended and is being started again.', '強制的に終了し、再起動しています。'),
    nextStep: (facts) => text(`Look for a slow disk or a machine without memory at this time (dmesg, iostat)${reasonEn(facts)}.`, `この時刻にディスクの遅れやメモリー不足がなかったか調べてください（dmesg、iostat）${reasonJa(facts)}。`),
    over: text('The server responds again.', 'サーバーが再び応答しています。'),
  }),
  'crash-loop': kind('critical', all, {
    what: text('The mail server stopped several times in a row.', 'メールサーバーが続けて何度も停止しました。'),
    doing: text('Mail from outside is taken and kept; the server is tried again at growing intervals.', '外からのメールは受け取って保管しています。サーバーは間隔を延ばしながら再起動を試みます。'),
    nextStep: (facts) => text(`A person is needed: read the log${reasonEn(facts)}; check the disk and its free space; if it began with an update, go back to the version before.`, `人の手が必要です。ログを読み${reasonJa(facts)}、ディスクとその空きを調べてください。更新の直後なら、前の版に戻してください。`),
    over: text('The server stays up again.', 'サーバーは再び安定して動いています。'),
  }),
  'understudy-only': kind('major', all, {
    what: text('Only the stand-in for receiving mail is running.', '受信の代役だけが動いています。'),
    doing: text('Mail from outside is taken and delivered later; reading and sending have to wait.', '外からのメールは受け取り、後で配達します。読むことと送ることはできません。'),
    nextStep: (facts) => text(`Find out why the server does not start: daruma config check, then the log${reasonEn(facts)}.`, `サーバーが起動しない理由を調べてください：daruma config check、次にログ${reasonJa(facts)}。`),
    over: text('The server is back; what the stand-in took is being delivered.', 'サーバーが復旧しました。代役が受け取ったメールを配達しています。'),
  }),
  'understudy-failed': kind('critical', ['smtp'], {
    what: text('The stand-in for receiving mail could not be started either.', '受信の代役も起動できませんでした。'),
    doing: text('Connections wait; senders try again by themselves. It is tried again.', '接続は待たされ、送信側は自動で再送します。起動を繰り返し試みています。'),
    nextStep: (facts) => text(`Check the intake directory: its disk, its space, its owner${reasonEn(facts)}.`, `intake ディレクトリのディスク、空き、所有者を調べてください${reasonJa(facts)}。`),
    over: text('Mail from outside is taken again.', '外からのメールの受け取りが再開しました。'),
  }),
  'start-failed': kind('critical', all, {
    what: text('The mail server could not be started.', 'メールサーバーを起動できませんでした。'),
    doing: text('Mail from outside is taken and kept; starting is tried again at intervals.', '外からのメールは受け取って保管しています。起動は間隔を置いて試みます。'),
    nextStep: (facts) => text(`A person is needed: the log says why${reasonEn(facts)}. "daruma config check" finds mistakes in the config.`, `人の手が必要です。理由はログにあります${reasonJa(facts)}。設定の誤りは「daruma config check」で見つかります。`),
    over: text('The server has started.', 'サーバーが起動しました。'),
  }),
  'cannot-end': kind('critical', all, {
    what: text('A part of the mail server can neither go on nor be ended.', 'メールサーバーの一部が、動きもせず終了もしません。'),
    doing: text('It waits for the machine; mail from outside is taken meanwhile.', 'マシンの応答を待っています。その間も外からのメールは受け取ります。'),
    nextStep: (facts) => text(`The process waits for a disk that does not answer${reasonEn(facts)}: look at dmesg; the machine may have to be restarted.`, `応答しないディスクをプロセスが待っています${reasonJa(facts)}。dmesg を見てください。マシンの再起動が必要かもしれません。`),
    over: text('It has ended.', '終了しました。'),
  }),
  'part-restarted': kind('minor', [], {
    what: text('A part of the mail server was started again by itself.', 'メールサーバーの一部が自動で再起動しました。'),
    doing: text('Nothing was lost; some connections were ended and come back.', '失われたものはありません。一部の接続は切れましたが、つながり直します。'),
    nextStep: (facts) => text(`Nothing, unless it happens again${reasonEn(facts)}.`, `繰り返さなければ、何もする必要はありません${reasonJa(facts)}。`),
    over: text('It works again.', '再び動いています。'),
  }),
  'journal-io-error': kind('critical', ['smtp', 'submission', 'imap', 'queue', 'storage'], {
    what: text('The storage could not be written.', '保管場所に書き込めませんでした。'),
    doing: text('Nothing is confirmed that is not safe. The server starts again and checks what is there.', '安全でないものは一切確認しません。サーバーは再起動し、保管されているものを検査します。'),
    nextStep: (facts) => text(`Look at the disk now: dmesg, smartctl${reasonEn(facts)}. Replace it before it fails for good.`, `今すぐディスクを調べてください：dmesg、smartctl${reasonJa(facts)}。完全に壊れる前に交換してください。`),
    over: text('The storage can be written again.', '再び書き込めるようになりました。'),
  }),
  'disk-full': kind('major', ['smtp', 'submission', 'storage'], {
    what: text('The disk is full: new mail cannot be taken.', 'ディスクがいっぱいで、新しいメールを受け取れません。'),
    doing: text('Senders are asked to try again later. Reading and deleting go on; mail is taken again by itself as soon as there is room.', '送信側に後での再送を求めています。読むことと消すことはできます。空きができれば自動で再開します。'),
    nextStep: (facts) => text(`Make room on the disk of ${fact(facts, 'path') || 'the data directory'}; no restart is needed.`, `${fact(facts, 'path') || 'データディレクトリ'} のディスクに空きを作ってください。再起動は要りません。`),
    over: text('There is room again; mail is taken.', '空きができ、受け取りを再開しました。'),
  }),
  'disk-read-only': kind('critical', ['smtp', 'submission', 'imap', 'queue', 'storage'], {
    what: text('The disk does not allow writing any more.', 'ディスクに書き込めなくなりました。'),
    doing: text('Senders are asked to try again later.', '送信側に後での再送を求めています。'),
    nextStep: (facts) => text(`The kernel has made the file system of ${fact(facts, 'path') || 'the data directory'} read-only, mostly after an error: look at dmesg.`, `カーネルが ${fact(facts, 'path') || 'データディレクトリ'} のファイルシステムを読み取り専用にしました（多くはエラーの後）。dmesg を見てください。`),
    over: text('The disk can be written again.', '再び書き込めるようになりました。'),
  }),
  'mirror-dropped': kind('major', ['storage'], {
    what: text('One of the disks that hold copies has failed.', '写しを置くディスクの一つが故障しました。'),
    doing: text('The server goes on with the other copy; nothing was lost.', '残りの写しで動き続けています。失われたものはありません。'),
    nextStep: (facts) => text(`Look at the disk of ${fact(facts, 'path') || 'the mirror'}${reasonEn(facts)}. When it is back it is brought level by itself.`, `${fact(facts, 'path') || 'ミラー'} のディスクを調べてください${reasonJa(facts)}。戻れば自動で追いつきます。`),
    over: text('The copy is back and level.', '写しが戻り、追いつきました。'),
  }),
  'database-damaged': kind('minor', ['imap', 'storage'], {
    what: text('A damaged database is being made again.', '壊れたデータベースを作り直しています。'),
    doing: text('It is made from the journal, in which everything stands. Mail that comes meanwhile is kept; others notice nothing.', 'すべてが残っているジャーナルから作り直します。その間のメールは保管され、他の人には影響しません。'),
    nextStep: (facts) => text(`Nothing${facts['account'] === undefined ? '' : ` (account ${fact(facts, 'account')})`}; but a disk that damages one file may damage more: look at dmesg and SMART.`, `何もする必要はありません${facts['account'] === undefined ? '' : `（アカウント ${fact(facts, 'account')}）`}。ただし、同じディスクがまた壊すかもしれません。dmesg と SMART を見てください。`),
    over: text('It is whole again.', '元どおりになりました。'),
  }),
  'poison-message': kind('minor', ['smtp'], {
    what: text('A message that stopped the server twice was set aside.', 'サーバーを二度止めたメッセージを脇に置きました。'),
    doing: text('All other mail goes on. Its bytes are kept.', '他のメールは通常どおりです。その内容は保管されています。'),
    nextStep: (facts) => text(`Please report it: a message must never do that. It lies at ${fact(facts, 'path') || 'aside/ in the data directory'}.`, `不具合としてお知らせください。メッセージは ${fact(facts, 'path') || 'データディレクトリの aside/'} にあります。`),
    over: text('It was dealt with.', '処理されました。'),
  }),
  'intake-stuck': kind('major', ['smtp'], {
    what: text('Mail that was taken while the server was away is delivered late.', 'サーバー停止中に受け取ったメールの配達が遅れています。'),
    doing: text('It is safe and tried again by itself.', 'メールは安全で、自動で再試行しています。'),
    nextStep: (facts) => text(`The log says why it is not adopted${reasonEn(facts)}. Never delete the intake directory.`, `取り込めない理由はログにあります${reasonJa(facts)}。intake ディレクトリは決して消さないでください。`),
    over: text('All of it is delivered.', 'すべて配達されました。'),
  }),
  'mail-put-off': kind('minor', ['smtp'], {
    what: text('More mail comes in than can be taken at the moment.', '受け取れる量を超えるメールが届いています。'),
    doing: text('Some senders are asked to try again a little later; users of this server are served first.', '一部の送信側に少し後の再送を求めています。このサーバーの利用者を優先しています。'),
    nextStep: (facts) => text(`Nothing, if it passes${reasonEn(facts)}; otherwise look at who sends so much (the log, "daruma status").`, `収まれば何もする必要はありません${reasonJa(facts)}。続くなら、誰が送っているか調べてください（ログ、「daruma status」）。`),
    over: text('All mail is taken again.', '再びすべてのメールを受け取っています。'),
  }),
  'paused': kind('minor', ['smtp'], {
    what: text('Taking mail was paused by an operator.', '管理者が受け取りを一時停止しました。'),
    doing: text('Senders are asked to try again later; they do so by themselves.', '送信側に後での再送を求めています。再送は自動で行われます。'),
    nextStep: text('"daruma resume" ends it.', '「daruma resume」で終わります。'),
    over: text('Mail is taken again.', '受け取りを再開しました。'),
  }),
  'nobody-there': kind('major', all, {
    what: text('The machine or the whole mail service was off.', 'マシン、またはメールサービス全体が止まっていました。'),
    doing: text('It is back. Senders who called meanwhile try again by themselves.', '復旧しました。その間の送信側は自動で再送します。'),
    nextStep: text('If nobody switched it off: look for a power cut or a crash of the machine (last -x, journalctl -b -1).', '誰も止めていないなら、停電やマシンの異常停止を調べてください（last -x、journalctl -b -1）。'),
    over: text('The service is back.', 'サービスが復旧しました。'),
  }),
  'maintenance': kind('info', all, {
    what: text('Planned maintenance.', '計画されたメンテナンス。'),
    doing: text('The work was announced; mail is safe meanwhile.', 'お知らせした作業を行っています。その間もメールは安全です。'),
    over: text('The maintenance is over.', 'メンテナンスが終わりました。'),
  }),
} as const satisfies Readonly<Record<string, IncidentKindMeaning>>

export type IncidentKind = keyof typeof incidentKinds

export function isIncidentKind(word: string): word is IncidentKind {
  return Object.hasOwn(incidentKinds, word)
}
