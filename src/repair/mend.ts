// Mends what is safe to mend: bytes that another copy has, databases from snapshot and journal, caches. What is
// damaged is set aside, never deleted. First what a replay would use is put right (bytes, snapshots), then databases;
// of several mends of one database the strongest is enough.
import { errorSentence, Outage } from '../base/errors.ts'
import { type Text, text } from '../base/language.ts'
import type { DatabaseId, Inspection } from '../store/store.ts'
import { databaseName, type Finding, type Mend } from './finding.ts'

export interface Mended {
  readonly mend: Mend
  readonly sentence: Text
  readonly done: boolean
}

const STRENGTH = { 'drop-texts': 1, recount: 2, rebuild: 3 } as const

/** In the order in which it is done; each thing once. Pure. */
export function planMends(findings: readonly Finding[]): Mend[] {
  const mends = findings.flatMap(({ mend }) => (mend ? [mend] : []))
  const bytes = new Map<string, Mend>()
  const aside = new Map<string, Mend>()
  const databases = new Map<DatabaseId, Extract<Mend, { database: DatabaseId }>[]>()
  for (const mend of mends) {
    if (mend.how === 'heal-bytes') bytes.set(mend.path, mend)
    else if (mend.how === 'set-aside') aside.set(mend.path, mend)
    else databases.set(mend.database, [...(databases.get(mend.database) ?? []), mend])
  }
  const strongest = [...databases.values()].flatMap((list) => {
    const rebuild = list.find(({ how }) => how === 'rebuild')
    // Wrong counters make rows differ too, and so a recount alone would do; a rebuild gives them anyway.
    return rebuild ? [rebuild] : [...new Map(list.map((mend) => [mend.how, mend])).values()].sort((a, b) => STRENGTH[a.how] - STRENGTH[b.how])
  })
  return [...bytes.values(), ...aside.values(), ...strongest]
}

/** What a mend does, before it is done. */
export function sentenceOf(mend: Mend): Text {
  switch (mend.how) {
    case 'heal-bytes': return text(`write what is damaged in ${mend.path} again from another copy`, `${mend.path} の壊れた部分を別の写しから書き直す`)
    case 'set-aside': return text(`set ${mend.path} aside`, `${mend.path} を脇へよける`)
    case 'rebuild': return text(`make ${databaseName(mend.database).en} again from snapshot and journal`, `${databaseName(mend.database).ja}をスナップショットとジャーナルから作り直す`)
    case 'recount': return text(`count ${databaseName(mend.database).en} again`, `${databaseName(mend.database).ja}を数え直す`)
    case 'drop-texts': return text(`work out the protocol texts of ${databaseName(mend.database).en} again`, `${databaseName(mend.database).ja}のプロトコル文を作り直す`)
  }
}

/** Bytes are healed by a check with `heal`, which the caller has run; here is the rest. */
export async function carryOut(mends: readonly Mend[], inspection: Inspection, onEach: () => Promise<void>): Promise<Mended[]> {
  const results: Mended[] = []
  for (const mend of mends) {
    const sentence = sentenceOf(mend)
    if (mend.how === 'heal-bytes') {
      // The check has tried, and it is still damaged.
      results.push({ mend, sentence, done: false })
      continue
    }
    try {
      if (mend.how === 'set-aside') inspection.setAside(mend.path, 'set-aside')
      else await inspection.mendDatabase(mend.database, mend.how, mend.because)
      results.push({ mend, sentence, done: true })
    } catch (error) {
      if (!(error instanceof Outage)) throw error
      results.push({ mend, sentence: text(`${sentence.en}: ${errorSentence(error)}`, `${sentence.ja}：${errorSentence(error)}`), done: false })
    }
    await onEach()
  }
  return results
}
