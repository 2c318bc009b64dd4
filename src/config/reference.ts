// The config reference, made from the table of keys: `daruma config reference` and docs/CONFIG.md. Pure.
import type { Language } from '../base/language.ts'
import { type AnyKey, allKeys, routeKeys } from './keys.ts'

const SAYINGS = {
  en: {
    title: 'Config reference',
    intro: [
      'One file in TOML, `daruma.toml`. Domains, accounts and aliases are not in it: they are in the store (`daruma help account`).',
      'Unknown keys, wrong types and impossible values are refused with file and line. `daruma config check` reads the file and changes nothing.',
      'Sizes may be written as "64K", "50M", "2G" (powers of 1,024), times as "30s", "5m", "1h30m", "4d"; bare numbers are octets and milliseconds. Relative paths count from the folder of the file.',
      'SIGHUP or `daruma reload` reads the file again, certificates included, without ending a session. Keys marked "restart" keep their old value until the next start, and the reload says so.',
    ],
    top: 'Top of the file',
    type: 'Type',
    default: 'Default',
    example: 'Example',
    applies: 'Takes effect',
    reload: 'on reload',
    restart: 'on restart',
    notYet: 'not yet: only "off" is taken',
    notSet: 'not set',
  },
  ja: {
    title: '設定リファレンス',
    intro: [
      '設定は TOML の一つのファイル `daruma.toml` です。ドメイン、アカウント、別名はここではなくストアにあります（`daruma help account`）。',
      '知らないキー、型の違う値、ありえない値は、ファイル名と行番号を添えて断ります。`daruma config check` はファイルを読むだけで、何も変えません。',
      'サイズは "64K"、"50M"、"2G"（1,024 の累乗）、時間は "30s"、"5m"、"1h30m"、"4d" のように書けます。単位のない数はオクテットとミリ秒です。相対パスはファイルのあるフォルダーから数えます。',
      'SIGHUP または `daruma reload` で、セッションを切らずにファイルを（証明書も）読み直します。「再起動」とあるキーは次の起動まで元の値のままで、読み直しのときにそう伝えます。',
    ],
    top: 'ファイルの先頭',
    type: '型',
    default: '既定値',
    example: '例',
    applies: '反映',
    reload: '読み直しで',
    restart: '再起動で',
    notYet: 'まだ使えません（"off" だけ）',
    notSet: '未設定',
  },
} as const

/** The whole reference as Markdown, which is also readable as it stands. */
export function configReference(language: Language): string {
  const say = SAYINGS[language]
  const lines = [`# ${say.title}`, '', ...say.intro.flatMap((paragraph) => [paragraph, ''])]
  let section: string | undefined
  const entry = (key: AnyKey, heading: string, shownSection: string) => {
    if (shownSection !== section) {
      section = shownSection
      lines.push(`## ${shownSection === '' ? say.top : `\`${shownSection}\``}`, '')
    }
    lines.push(`### \`${heading}\``, '', key.meaning[language], '')
    lines.push(`- ${say.type}: ${key.kind.name[language]}`)
    lines.push(`- ${say.default}: ${defaultOf(key, language)}`)
    lines.push(`- ${say.example}: \`${heading} = ${key.example}\``)
    lines.push(`- ${say.applies}: ${key.notYet ? say.notYet : key.runtime ? say.reload : say.restart}`, '')
  }
  const limits = allKeys.filter((key) => key.name.startsWith('limits.'))
  const others = allKeys.filter((key) => !key.name.startsWith('limits.'))
  for (const key of others) entry(key, lastPart(key.name), key.name.includes('.') ? `[${key.name.slice(0, key.name.lastIndexOf('.'))}]` : '')
  for (const key of Object.values(routeKeys) as AnyKey[]) entry(key, lastPart(key.name), '[[route]]')
  for (const key of limits) entry(key, lastPart(key.name), '[limits]')
  return `${lines.join('\n').trimEnd()}\n`
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

function defaultOf(key: AnyKey, language: Language): string {
  if (key.defaultMeans) return key.defaultMeans[language]
  return key.default === undefined ? SAYINGS[language].notSet : `\`${key.kind.print(key.default)}\``
}
