// Mails that cost a careless reader everything: made here, stored nowhere. Lines end in CRLF.
export interface Bomb {
  id: string
  bytes: Buffer
}

const HEAD = 'From: bomb@sender.example\r\nSubject: bomb\r\nMIME-Version: 1.0\r\n'

const builders: Record<string, () => string | Buffer> = {
  parts: () => `${HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n'.repeat(3_000_000)}--b--\r\n`,
  'nest-mp': () => {
    const levels = Array.from({ length: 10_000 }, (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`)
    const ends = Array.from({ length: 10_000 }, (_, i) => `--b${9999 - i}--\r\n`)
    return `${HEAD}${levels.join('')}\r\nthe innermost\r\n${ends.join('')}`
  },
  'nest-rfc822': () => {
    const filler = `X-Filler: ${'f'.repeat(900)}\r\n`.repeat(2) + `X-Rest: ${'r'.repeat(380)}\r\n`
    return `${HEAD}${`Content-Type: message/rfc822\r\n\r\n${filler}`.repeat(4000)}\r\nthe innermost\r\n`
  },
  'long-header': () => `From: bomb@sender.example\r\nSubject: ${'s'.repeat(18_000_000)}\r\n\r\nbody\r\n`,
  'many-headers': () => `${HEAD}${'x:y\r\n'.repeat(1_000_000)}\r\nbody\r\n`,
  'blank-lead': () => `${'\r\n'.repeat(100_000)}${HEAD}\r\nbody\r\n`,
  'many-params': () => `${HEAD}Content-Type: text/plain${Array.from({ length: 200_000 }, (_, i) => `;\r\n name*${i}=v`).join('')}\r\n\r\nbody\r\n`,
  'encoded-words': () => `From: bomb@sender.example\r\nSubject:${'\r\n =?utf-8?q?w=C3=B6rd?='.repeat(100_000)}\r\n\r\nbody\r\n`,
  references: () => `${HEAD}References:${Array.from({ length: 100_000 }, (_, i) => `\r\n <${i}@sender.example>`).join('')}\r\n\r\nbody\r\n`,
}

export const bombIds = Object.keys(builders)

export function makeBomb(id: string): Bomb {
  const made = builders[id]?.()
  if (made === undefined) throw new RangeError(`no bomb ${id}`)
  return { id, bytes: Buffer.from(made as string, 'latin1') }
}
