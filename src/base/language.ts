// Everything that a person reads exists in these languages. Protocol replies and log lines are English only.

export type Language = 'en' | 'ja'

/** One sentence, said in each language. Typed, so that none can be forgotten. */
export type Text = { readonly [language in Language]: string }

export function text(en: string, ja: string): Text {
  return { en, ja }
}

/** The same in every language: names, paths, sentences of the system. */
export function sameText(words: string): Text {
  return { en: words, ja: words }
}
