// The words of an HTML body, for search and for showing a line of it. Not a parser of HTML: tags go, what
// stands in script and style goes, entities are resolved. Linear in time whatever it gets.

/** Tags that part words from each other; others stand inside words. */
const BLOCK = /^\/?(?:p|br|div|t[dhr]|table|li|ul|ol|dl|dt|dd|h[1-6]|hr|pre|blockquote|title|option|section|article|header|footer|img)$/

export function textOfHtml(html: string): string {
  let text = ''
  let at = 0
  while (at < html.length) {
    const open = html.indexOf('<', at)
    if (open < 0) return text + decodeEntities(html.slice(at))
    text += decodeEntities(html.slice(at, open))
    if (html.startsWith('<!--', open)) {
      const close = html.indexOf('-->', open + 4)
      if (close < 0) return text
      at = close + 3
      continue
    }
    if (!/[a-zA-Z/!?]/.test(html[open + 1] ?? '')) { // a bare "<"
      text += '<'
      at = open + 1
      continue
    }
    const close = html.indexOf('>', open + 1)
    if (close < 0) return text
    const name = /^\/?[a-zA-Z0-9]*/.exec(html.slice(open + 1, Math.min(close, open + 20)))![0].toLowerCase()
    at = close + 1
    if (BLOCK.test(name)) text += '\n'
    if (name === 'script' || name === 'style') {
      const end = new RegExp(`</${name}`, 'gi')
      end.lastIndex = at
      const found = end.exec(html)
      if (!found) return text
      at = found.index
    }
  }
  return text
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ', copy: '\u00a9', reg: '\u00ae', yen: '\u00a5', hellip: '\u2026', ndash: '\u2013', mdash: '\u2014', laquo: '\u00ab', raquo: '\u00bb', auml: '\u00e4', ouml: '\u00f6', uuml: '\u00fc', Auml: '\u00c4', Ouml: '\u00d6', Uuml: '\u00dc', szlig: '\u00df', eacute: '\u00e9', egrave: '\u00e8', agrave: '\u00e0', ccedil: '\u00e7', rsquo: '\u2019', lsquo: '\u2018', ldquo: '\u201c', rdquo: '\u201d', euro: '\u20ac' }

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]{2,8}));?/g, (found, decimal: string | undefined, hex: string | undefined, name: string | undefined) => {
    if (name !== undefined) return NAMED[name] ?? found
    const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex!, 16)
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : found
  })
}
