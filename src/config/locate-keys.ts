// On which line does each key of a TOML text stand? The TOML parser does not say, and an operator
// needs to know. Runs only over text that the parser has accepted, so it may be simple: it never
// throws, and a key that it misses is merely reported without a line.

/** "listen.smtp" → 7, "route.0.domain" → 12. Tables themselves are there too ("listen" → 6). Lines count from 1. */
export function locateKeys(text: string): Map<string, number> {
  const lines = new Map<string, number>()
  const tableCounts = new Map<string, number>()
  let at = 0
  let line = 1

  const note = (path: string, where = line) => {
    if (!lines.has(path)) lines.set(path, where)
  }
  const step = () => {
    if (text[at] === '\n') line += 1
    at += 1
  }
  const skipToLineEnd = () => {
    while (at < text.length && text[at] !== '\n') at += 1
  }
  const skipBlank = (newlinesToo: boolean) => {
    while (at < text.length) {
      const c = text[at]
      if (c === '#') skipToLineEnd()
      else if (c === ' ' || c === '\t' || c === '\r' || (newlinesToo && c === '\n')) step()
      else return
    }
  }
  const readString = (): string => {
    const quote = text[at] ?? ''
    const triple = text.startsWith(quote.repeat(3), at)
    const end = triple ? quote.repeat(3) : quote
    at += end.length
    let words = ''
    while (at < text.length && !text.startsWith(end, at)) {
      if (quote === '"' && text[at] === '\\') {
        words += text[at]
        step()
      }
      words += text[at] ?? ''
      step()
    }
    at += end.length
    // A multi-line string may end in up to five quotes: two of them are content.
    while (triple && text[at] === quote) at += 1
    return words
  }
  const readDottedKey = (): string[] => {
    const parts: string[] = []
    while (at < text.length) {
      skipBlank(false)
      const c = text[at]
      if (c === '"' || c === "'") parts.push(readString())
      else {
        const bare = /^[A-Za-z0-9_-]+/.exec(text.slice(at, at + 200))?.[0]
        if (bare === undefined) return parts
        parts.push(bare)
        at += bare.length
      }
      skipBlank(false)
      if (text[at] !== '.') return parts
      at += 1
    }
    return parts
  }
  /** Names of tables as the parser will see them: inside the last element of an array of tables. */
  const withIndexes = (parts: readonly string[]): string => {
    let path = ''
    for (const part of parts) {
      path = path === '' ? part : `${path}.${part}`
      const count = tableCounts.get(path)
      if (count !== undefined) path = `${path}.${count - 1}`
    }
    return path
  }
  const readPair = (prefix: string) => {
    const where = line
    const parts = readDottedKey()
    let path = prefix
    for (const part of parts) {
      path = path === '' ? part : `${path}.${part}`
      note(path, where)
    }
    skipBlank(false)
    if (text[at] !== '=') return skipToLineEnd()
    at += 1
    readValue(path)
  }
  const readValue = (path: string) => {
    skipBlank(true)
    const c = text[at]
    if (c === '"' || c === "'") readString()
    else if (c === '[') {
      at += 1
      for (let index = 0; at < text.length; index += 1) {
        skipBlank(true)
        if (text[at] === ']') break
        note(`${path}.${index}`)
        readValue(`${path}.${index}`)
        skipBlank(true)
        if (text[at] === ',') at += 1
        else break
      }
      at += 1
    } else if (c === '{') {
      at += 1
      while (at < text.length) {
        skipBlank(true)
        if (text[at] === '}') break
        readPair(path)
        skipBlank(true)
        if (text[at] === ',') at += 1
        else break
      }
      at += 1
    } else {
      while (at < text.length && !/[,\]}\n#]/.test(text[at] ?? '')) at += 1
    }
  }

  let prefix = ''
  while (at < text.length) {
    skipBlank(true)
    if (at >= text.length) break
    if (text[at] !== '[') {
      readPair(prefix)
      skipToLineEnd()
      continue
    }
    const isArray = text[at + 1] === '['
    at += isArray ? 2 : 1
    const parts = readDottedKey()
    if (isArray) {
      const name = [withIndexes(parts.slice(0, -1)), parts.at(-1) ?? ''].filter(Boolean).join('.')
      tableCounts.set(name, (tableCounts.get(name) ?? 0) + 1)
      note(name)
    }
    prefix = withIndexes(parts)
    note(prefix)
    skipToLineEnd()
  }
  return lines
}
