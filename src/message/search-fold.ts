// Makes texts comparable for SEARCH: case, width and the look-alikes of Japanese charsets do not count. Both
// the text that is searched and the words looked for go through `foldForSearch`.
//
// NFKC turns half-width kana into full-width ones (with their voice marks put together) and full-width
// letters into ASCII. What it leaves are pairs that one and the same octets of Shift_JIS, ISO-2022-JP and
// EUC-JP become, depending on who converts them:

const LOOK_ALIKES: Readonly<Record<string, string>> = {
  '\u301c': '~', // wave dash; its twin U+FF5E is ~ by NFKC
  '\u223c': '~',
  '\u2016': '\u2225', // double vertical line, parallel to
  '\u2212': '-', // minus sign; its twin U+FF0D is - by NFKC
  '\u2010': '-',
  '\u2011': '-',
  '\u2014': '\u2015', // em dash, horizontal bar
  '\u00a5': '\\', // yen sign: octet 5C
  '\u203e': '~', // overline: octet 7E
}
const LOOK_ALIKE = /[\u301c\u223c\u2016\u2212\u2010\u2011\u2014\u00a5\u203e]/g
// eslint-disable-next-line no-control-regex
const BEYOND_ASCII = /[^\x00-\x7f]/

export function foldForSearch(text: string): string {
  if (!BEYOND_ASCII.test(text)) return text.toLowerCase()
  const folded = text.normalize('NFKC').toLowerCase().normalize('NFKC')
  return folded.replace(LOOK_ALIKE, (letter) => LOOK_ALIKES[letter]!)
}
