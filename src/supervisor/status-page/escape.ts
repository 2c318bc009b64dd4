// Text into HTML and XML. Nothing that an operator or a stranger wrote gets out of it as markup.

const ENTITIES: { readonly [letter: string]: string } = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** For text and for attributes in double quotes, in HTML and in XML. What XML 1.0 cannot hold becomes U+FFFD. */
export function escapeMarkup(words: string): string {
  return words.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd').replace(/[&<>"']/g, (letter) => ENTITIES[letter] ?? letter)
}

/** Markup that was made by `html` or `joined`, and by nothing else. */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Part = string | number | Markup | undefined | readonly Markup[]

/** A template whose values are escaped unless they are markup themselves. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = strings[0] ?? ''
  parts.forEach((part, index) => {
    text += shown(part) + (strings[index + 1] ?? '')
  })
  return new Markup(text)
}

function shown(part: Part): string {
  if (part === undefined) return ''
  if (part instanceof Markup) return part.text
  if (typeof part === 'object') return part.map((one) => one.text).join('')
  return escapeMarkup(String(part))
}
