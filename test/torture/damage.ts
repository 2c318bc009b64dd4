// What is done to the files of a server that was killed, before it is started again.
import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../../src/base/random.ts'

/** One account loses its database: deleted, emptied, cut short, or with noise in the middle. */
export function damageDatabase(data: string, random: Random): string | undefined {
  const accounts = readdirSync(join(data, 'accounts'))
  const account = accounts[random.int(accounts.length)] as string
  const folder = join(data, 'accounts', account)
  const name = readdirSync(folder).filter((file) => /^mail\.\d+\.db$/.test(file)).sort((a, b) => Number(a.split('.')[1]) - Number(b.split('.')[1])).at(-1)
  if (name === undefined) return undefined
  const file = join(folder, name)
  const how = ['deleted', 'emptied', 'cut short', 'garbled'][random.int(4)] as string
  if (how === 'deleted') unlinkSync(file)
  else {
    const size = statSync(file).size
    const fd = openSync(file, 'r+')
    if (how === 'emptied') ftruncateSync(fd, 0)
    else if (how === 'cut short') ftruncateSync(fd, Math.floor(size / 2))
    // Noise over whole pages, as a disk that has lost sectors gives it.
    else for (let i = 0; i < 20; i++) writeSync(fd, random.bytes(4096), 0, 4096, random.int(Math.max(1, Math.floor(size / 4096))) * 4096)
    closeSync(fd)
  }
  if (how !== 'garbled') for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true })
  return `account ${account}: ${name} ${how}`
}

/** The first account's database is gone, or ends within a page. */
export function loseDatabase(data: string, { cutShort }: { cutShort: boolean }): void {
  const account = readdirSync(join(data, 'accounts')).map(Number).sort((a, b) => a - b)[0]
  const folder = join(data, 'accounts', String(account))
  for (const name of readdirSync(folder).filter((file) => /^mail\.\d+\.db(-wal|-shm)?$/.test(file))) {
    const path = join(folder, name)
    if (cutShort && name.endsWith('.db')) truncateSync(path, Math.max(0, statSync(path).size - 100))
    else if (!cutShort) rmSync(path)
  }
}

export function segmentsIn(root: string): string[] {
  const folder = join(root, 'journal')
  return readdirSync(folder).filter((name) => name.endsWith('.seg')).sort().map((name) => join(folder, name))
}

/** One octet inside a message in a segment is another one now. Undefined when no segment holds the text. */
export function flipInSegments(root: string, text: string, random: Random): { path: string; offset: number } | undefined {
  const found = segmentsIn(root).flatMap((path) => {
    const bytes = readFileSync(path)
    const at: { path: string; offset: number }[] = []
    for (let offset = bytes.indexOf(text); offset >= 0; offset = bytes.indexOf(text, offset + 1)) at.push({ path, offset: offset + text.length - 1 })
    return at
  })
  const place = found[random.int(Math.max(1, found.length))]
  if (place) flipOctet(place.path, place.offset)
  return place
}

export function flipOctet(path: string, offset: number): void {
  const bytes = readFileSync(path)
  const fd = openSync(path, 'r+')
  writeSync(fd, Uint8Array.of((bytes[offset] as number) ^ 0x55), 0, 1, offset)
  closeSync(fd)
}

/** As a write that was torn leaves it: noise behind the last octet of the newest segment. */
export function tearEnd(root: string, random: Random): void {
  const path = segmentsIn(root).at(-1)
  if (path === undefined) return
  const bytes = readFileSync(path)
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end -= 1
  const at = Math.ceil((end + 8) / 8) * 8
  if (at + 400 > bytes.length) return
  const fd = openSync(path, 'r+')
  writeSync(fd, random.bytes(300), 0, 300, at)
  closeSync(fd)
}

/** The segments made ahead are gone: the next start makes them anew. */
export function removeSpares(root: string): void {
  const folder = join(root, 'journal')
  for (const name of readdirSync(folder)) if (/\.zero(\.part)?$/.test(name)) rmSync(join(folder, name))
}
