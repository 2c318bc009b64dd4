// Which language the operator reads, and what the commands say in it.
import type { Language } from '../base/language.ts'
import { catalogueEn } from './catalogue-en.ts'
import { catalogueJa } from './catalogue-ja.ts'

/** Every sentence of the English catalogue, with the same parameters. */
export type Catalogue = typeof catalogueEn

/** POSIX: LC_ALL goes before LC_MESSAGES, which goes before LANG. Everything but Japanese is English. */
export function languageOf(env: Readonly<Record<string, string | undefined>>): Language {
  const locale = env['LC_ALL'] || env['LC_MESSAGES'] || env['LANG'] || ''
  return /^ja(?:[_.@-]|$)/i.test(locale) ? 'ja' : 'en'
}

export function catalogue(language: Language): Catalogue {
  return language === 'ja' ? catalogueJa : catalogueEn
}
