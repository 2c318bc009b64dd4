// What is wrong with a config, as a value and as a sentence: where it stands, what was expected, and
// the nearest known key.
import { type Language, type Text, text } from '../base/language.ts'

export interface ConfigProblem {
  /** Counted from 1; undefined when the trouble has no one place. */
  readonly line: number | undefined
  readonly key: string | undefined
  readonly sentence: Text
}

/** "daruma.toml:7: unknown key …" */
export function printProblem(file: string, problem: ConfigProblem, language: Language): string {
  return `${file}${problem.line === undefined ? '' : `:${problem.line}`}: ${problem.sentence[language]}`
}

export function syntaxProblem(line: number, column: number, what: string): ConfigProblem {
  return { line, key: undefined, sentence: text(`not valid TOML at column ${column}: ${what}`, `TOML として正しくありません（${column} 桁目）：${what}`) }
}

export function unknownKey(line: number | undefined, key: string, nearest: string | undefined): ConfigProblem {
  return {
    line,
    key,
    sentence: nearest === undefined
      ? text(`unknown key "${key}"; "daruma config reference" lists all keys`, `「${key}」という設定項目はありません。一覧は「daruma config reference」で見られます`)
      : text(`unknown key "${key}"; did you mean "${nearest}"?`, `「${key}」という設定項目はありません。「${nearest}」のことですか`),
  }
}

export function wrongValue(line: number | undefined, key: string, expected: Text, found: unknown): ConfigProblem {
  const shown = shownValue(found)
  return { line, key, sentence: text(`"${key}" must be ${expected.en}; found ${shown}`, `「${key}」の値は次のものにしてください：${expected.ja}（現在の値：${shown}）`) }
}

export function notYet(line: number | undefined, key: string): ConfigProblem {
  return { line, key, sentence: text(`"${key}" is not yet supported by this version; set it to "off" or leave it out`, `「${key}」はこの版ではまだ使えません。"off" にするか、取り除いてください`) }
}

export function impossible(line: number | undefined, key: string | undefined, sentence: Text): ConfigProblem {
  return { line, key, sentence }
}

const SHOWN_MAX = 60

/** A value as the operator wrote it, more or less, and never long. */
function shownValue(value: unknown): string {
  const whole = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? String(value))
  return whole.length > SHOWN_MAX ? `${whole.slice(0, SHOWN_MAX)}…` : whole
}
