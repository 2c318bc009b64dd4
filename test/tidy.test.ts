// Rules of the house that a machine can check: imports go down the floors, some calls have one home,
// file names mean something. Each finding says what to use instead.
import test from 'node:test'
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const src = join(root, 'src')

/** Floor of each room; a file imports only from a lower floor, or from its own room. */
const FLOORS: Record<string, number> = {
  base: 0,
  message: 1, wire: 1, sieve: 1, net: 1, clients: 1, config: 1,
  store: 2,
  guard: 3, checks: 3, intake: 3, queue: 3,
  backup: 4, standby: 4, health: 4, repair: 4, maintenance: 4, admin: 4,
  smtp: 5, imap: 5, pop3: 5, jmap: 5, managesieve: 5, web: 5,
  supervisor: 6, cli: 6, server: 6,
}
/** Arrows between rooms of one floor that are meant. */
const SAME_FLOOR = new Set(['clients>net', 'clients>wire', 'intake>guard', 'intake>checks', 'cli>server', 'cli>supervisor', 'server>supervisor', 'supervisor>server', 'admin>health', 'admin>maintenance', 'admin>repair'])
/** Rooms from floor 2 up are entered by their front door only, but by those who build them; the supervisor's processes must load little. */
const FRONT_DOOR_FROM = 2
const ENTERS_ANYWHERE = new Set(['server', 'supervisor'])

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return files(path)
    return /\.(ts|tsx)$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [path] : []
  })
}

const roomOf = (path: string): string => {
  const [first = ''] = relative(src, path).split('/')
  return first.startsWith('server') ? 'server' : first
}

/** Tests, and what only they use: a script for a peer, a worker, a folder of it. */
const isTest = (path: string): boolean => /\.test\.ts$|-for-tests\.ts$|\/testing\//.test(path)

const all = files(src).map((path) => ({ path, name: relative(root, path), text: readFileSync(path, 'utf8'), room: roomOf(path), isTest: isTest(path) }))

test('imports go down the floors and in by the front door', () => {
  const findings: string[] = []
  for (const file of all) {
    for (const [, target = ''] of file.text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
      const path = resolve(dirname(file.path), target)
      const room = roomOf(path)
      if (room === file.room) continue
      const [here, there] = [FLOORS[file.room], FLOORS[room]]
      if (here === undefined || there === undefined) {
        findings.push(`${file.name}: room ${here === undefined ? file.room : room} has no floor; add it to the table in test/tidy.test.ts and to docs/ARCHITECTURE.md`)
      } else if (there > here || (there === here && !SAME_FLOOR.has(`${file.room}>${room}`))) {
        findings.push(`${file.name} imports ${target}: ${file.room}/ is on floor ${here}, ${room}/ on floor ${there}`)
      } else if (there >= FRONT_DOOR_FROM && !file.isTest && !ENTERS_ANYWHERE.has(room) && !ENTERS_ANYWHERE.has(file.room) && !new RegExp(`/${room}/${room}\\.ts$`).test(path)) {
        findings.push(`${file.name} imports ${target}: enter ${room}/ by ${room}/${room}.ts`)
      }
    }
  }
  assert.deepEqual(findings, [])
})

const ONE_HOME: { what: RegExp; home: RegExp; instead: string }[] = [
  { what: /from 'node:fs(\/promises)?'/, home: /^src\/base\//, instead: 'the Disk interface of base/disk.ts' },
  { what: /from 'node:sqlite'/, home: /^src\/store\//, instead: 'store/store.ts' },
  { what: /\bDate\.now\(\)|new Date\(\)|\bperformance\.now\(\)/, home: /^src\/base\//, instead: 'the Clock that you were handed' },
  { what: /\bMath\.random\(|\brandomBytes\(|\brandomUUID\(|\brandomInt\(/, home: /^src\/base\//, instead: 'the Random that you were handed' },
  { what: /\bprocess\.env\b/, home: /^src\/(cli|server|supervisor|base)/, instead: 'the config' },
  { what: /\bconsole\.(?:log|info|warn|error|debug|trace|table|dir)\b/, home: /^src\/cli\//, instead: 'the Log that you were handed' },
  { what: /: any\b|\bas any\b|<any>/, home: /^$/, instead: 'unknown, and a check' },
]

test('each outside thing has one home', () => {
  const findings: string[] = []
  for (const file of all) {
    if (file.isTest) continue
    const code = file.text.replace(/^\s*(\/\/|\*|\/\*).*$/gm, '')
    for (const { what, home, instead } of ONE_HOME) {
      if (!home.test(file.name) && what.test(code)) findings.push(`${file.name}: ${what.source}: use ${instead}`)
    }
  }
  assert.deepEqual(findings, [])
})

test('file names are kebab-case and say what is inside', () => {
  const bad = all.filter(({ path }) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.contract)?\.tsx?$/.test(path.split('/').at(-1) ?? '')
    || /^(utils?|helpers?|common|misc|manager|types)\b/.test(path.split('/').at(-1) ?? ''))
  assert.deepEqual(bad.map(({ name }) => name), [])
})

test('every source file opens by saying what it is for', () => {
  const bad = all.filter(({ text, isTest }) => !isTest && !/^(#!.*\n)?\s*(\/\/|\/\*)/.test(text))
  assert.deepEqual(bad.map(({ name }) => name), [])
})

test('every permanent refusal is accounted for in docs/REPLIES.md, and none there that is gone', () => {
  const said = new Set(all.filter(({ isTest, room }) => !isTest && ['wire', 'smtp', 'intake', 'supervisor'].includes(room))
    .flatMap(({ text }) => [...text.matchAll(/\breply\((5\d\d), '(5\.\d+\.\d+)'/g)].map(([, code, status]) => `${code} ${status}`)))
  const listed = new Set(readFileSync(join(root, 'docs/REPLIES.md'), 'utf8').match(/\b5\d\d 5\.\d+\.\d+/g))
  assert.deepEqual([...said].filter((one) => !listed.has(one)), [], 'not in docs/REPLIES.md')
  assert.deepEqual([...listed].filter((one) => !said.has(one)), [], 'no longer said')
})
