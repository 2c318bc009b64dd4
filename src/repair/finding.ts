// What a check has found, in words for a person, and what would mend it. Pure: facts in, findings out.
import { type Text, text } from '../base/language.ts'
import type { DatabaseId, Fault } from '../store/store.ts'

/** `damage`: something promised is not there, or not right. `healed`: it was, and is well again. `note`: nothing is lost by it. */
export type Severity = 'damage' | 'healed' | 'note'

export type Mend =
  | { readonly how: 'heal-bytes'; readonly path: string }
  | { readonly how: 'rebuild' | 'recount' | 'drop-texts'; readonly database: DatabaseId; readonly because: string }
  | { readonly how: 'set-aside'; readonly path: string }

export interface Finding {
  readonly code: Fault['code']
  readonly severity: Severity
  /** A path, or which database. */
  readonly where: string
  readonly sentence: Text
  readonly mend?: Mend
}

export function databaseName(database: DatabaseId): Text {
  if (database === 0) return text('the directory', 'ディレクトリ')
  if (database === 1) return text('the queue', 'キュー')
  return text(`account ${database}`, `アカウント ${database}`)
}

export function findingOf(fault: Fault): Finding {
  switch (fault.code) {
    case 'segment-bytes': {
      const { path, offset, what, elsewhere, healed } = fault
      const where = `${path}:${offset}`
      if (healed) return { code: fault.code, severity: 'healed', where, sentence: text(`${what} was damaged and has been written again from another copy`, `${what} が壊れていたため、別の写しから書き直しました`) }
      if (elsewhere) return { code: fault.code, severity: 'damage', where, sentence: text(`${what} is damaged; another copy has it whole`, `${what} が壊れています。別の写しは無事です`), mend: { how: 'heal-bytes', path } }
      if (what === 'footer' || what === 'batch-header' || what === 'segment-header') return { code: fault.code, severity: 'note', where, sentence: text(`${what} is damaged in every copy; what it says is read from the records instead`, `${what} がすべての写しで壊れています。内容は記録から読み直せます`) }
      return { code: fault.code, severity: 'damage', where, sentence: text(
        `${what}${fault.sequence === null ? '' : ` of record ${fault.sequence}`} is damaged in every copy: it is never served; bring it back from a backup`,
        `${fault.sequence === null ? '' : `記録 ${fault.sequence} の `}${what} がすべての写しで壊れています。壊れたまま見せることはありません。バックアップから戻してください`) }
    }
    case 'segment-missing': return { code: fault.code, severity: 'damage', where: fault.path, sentence: text('a copy of the journal lacks this segment; the mirror must be brought level', '写しの一つにこのセグメントがありません。ミラーを追いつかせる必要があります') }
    case 'segment-padding': return {
      code: fault.code, severity: fault.healed ? 'healed' : 'note', where: `${fault.path}:${fault.offset}`,
      sentence: fault.healed ? text('unused octets were not zero and are so again', '未使用の領域が 0 でなかったため、元に戻しました') : text('unused octets are not zero: the disk has changed something', '未使用の領域が 0 ではありません。ディスクが何かを書き換えました'),
      ...(fault.healed ? {} : { mend: { how: 'heal-bytes' as const, path: fault.path } }),
    }
    case 'large-bytes': {
      const { path, healed, elsewhere, sequence } = fault
      if (healed) return { code: fault.code, severity: 'healed', where: path, sentence: text(`the message of record ${sequence} was damaged and has been copied again`, `記録 ${sequence} のメッセージが壊れていたため、写し直しました`) }
      if (elsewhere) return { code: fault.code, severity: 'damage', where: path, sentence: text(`the message of record ${sequence} is damaged or missing; another copy has it`, `記録 ${sequence} のメッセージが壊れているか、ありません。別の写しは無事です`), mend: { how: 'heal-bytes', path } }
      return { code: fault.code, severity: 'damage', where: path, sentence: text(`the message of record ${sequence} is damaged or missing in every copy: bring it back from a backup`, `記録 ${sequence} のメッセージがすべての写しで壊れているか、ありません。バックアップから戻してください`) }
    }
    case 'large-unnamed': return { code: fault.code, severity: 'note', where: fault.path, sentence: text('no record names this file', 'どの記録からも参照されていないファイルです'), mend: { how: 'set-aside', path: fault.path } }
    case 'snapshot-damaged': return { code: fault.code, severity: 'damage', where: fault.path, sentence: said(text('the snapshot is damaged', 'スナップショットが壊れています'), fault.because), mend: { how: 'set-aside', path: fault.path } }
    case 'work-unresolved': return { code: fault.code, severity: 'damage', where: databaseName(1).en, sentence: text(`waiting work refers to arrival ${fault.sequence}, which is not in the journal`, `待っている送信が参照する受信 ${fault.sequence} がジャーナルにありません`) }
    default: return databaseFinding(fault)
  }
}

type DatabaseFault = Extract<Fault, { database: DatabaseId }>

function databaseFinding(fault: Exclude<DatabaseFault, { code: 'snapshot-damaged' }>): Finding {
  const { code, database } = fault
  const where = databaseName(database).en
  const rebuild = (because: string): Mend => ({ how: 'rebuild', database, because })
  switch (code) {
    case 'database-damaged': return { code, severity: 'damage', where, sentence: said(text('its database is damaged', 'データベースが壊れています'), fault.because), mend: rebuild(fault.because) }
    case 'database-away': return { code, severity: 'damage', where, sentence: said(text('its database cannot be opened now', 'データベースをいま開けません'), fault.because) }
    case 'counters-differ': return { code, severity: 'damage', where, sentence: said(text('counters are not what a recount gives', 'カウンターが数え直した値と一致しません'), fault.because), mend: { how: 'recount', database, because: fault.because } }
    case 'numbers-differ': return { code, severity: 'damage', where, sentence: said(text('numbers that cannot be', 'ありえない番号があります'), fault.because), mend: rebuild(fault.because) }
    case 'replay-differs': return { code, severity: 'damage', where, sentence: said(text('it does not hold what the journal says', 'ジャーナルの内容と一致しません'), fault.because), mend: rebuild(fault.because) }
    case 'texts-differ': return { code, severity: 'damage', where, sentence: said(text('a kept protocol text is not that of its message', '保存済みのプロトコル文がメッセージと一致しません'), fault.because), mend: { how: 'drop-texts', database, because: fault.because } }
    case 'not-comparable': return { code, severity: 'note', where, sentence: said(text('it could not be compared with the journal', 'ジャーナルと比較できませんでした'), fault.because) }
    case 'message-unresolved': return { code, severity: 'damage', where, sentence: text(`message ${fault.sequence} is not in the journal any more: bring it back from a backup`, `メッセージ ${fault.sequence} がジャーナルにありません。バックアップから戻してください`) }
    case 'message-in-no-mailbox': return { code, severity: 'damage', where, sentence: text(`message ${fault.sequence} is in no mailbox`, `メッセージ ${fault.sequence} がどのメールボックスにもありません`), mend: rebuild(`message ${fault.sequence} is in no mailbox`) }
    case 'account-without-database': return { code, severity: 'damage', where, sentence: text('its database is not there', 'データベースがありません'), mend: rebuild('its file is not there') }
    case 'database-without-account': return { code, severity: 'note', where, sentence: said(text('there is a database and no such account', 'データベースはありますが、アカウントがありません'), fault.path) }
  }
}

function said(words: Text, because: string): Text {
  return text(`${words.en} (${because})`, `${words.ja}（${because}）`)
}
