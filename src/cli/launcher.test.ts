import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type TestContext, test } from 'node:test'

const launcher = fileURLToPath(new URL('../../bin/daruma', import.meta.url))

function script(path: string, body: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
}

/** A package of its own with the real launcher; Nodes in it and on the PATH are little scripts. */
function scene(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'daruma launcher '))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const home = join(folder, 'the package')
  mkdirSync(join(home, 'bin'), { recursive: true })
  cpSync(launcher, join(home, 'bin', 'daruma'))
  const fakeNode = (version: string) => `[ "$1" = --version ] && { echo ${version}; exit 0; }\necho "${version} as $$, uring $UV_USE_IO_URING:"; for word in "$@"; do echo "<$word>"; done`
  const run = (path: string, args: string[] = [], env: Record<string, string> = {}, folderOfRun = '/') =>
    spawnSync('sh', ['-c', 'echo "$$"; exec "$@"', 'sh', path, ...args], { encoding: 'utf8', cwd: folderOfRun, env: { PATH: `${join(folder, 'path')}:/usr/bin:/bin`, ...env } })
  return {
    folder, home, run,
    own: (version: string) => script(join(home, 'node_modules/.bin/node'), fakeNode(version)),
    ownBroken: () => script(join(home, 'node_modules/.bin/node'), 'exit 126'),
    onPath: (version: string) => script(join(folder, 'path/node'), fakeNode(version)),
  }
}

test('an old Node is refused with a sentence and exit 69', (t) => {
  const { run, home, onPath } = scene(t)
  onPath('v18.19.0')
  const ended = run(join(home, 'bin/daruma'), ['trial'])
  assert.equal(ended.status, 69)
  assert.match(ended.stderr, /^daruma: Node 26 or newer is needed \(.*path\/node is Node 18\)\. Run "npm ci" in .*the package, or put Node 26 or newer on the PATH\.$/m)
  assert.match(run(join(home, 'bin/daruma'), [], { LANG: 'ja_JP.UTF-8' }).stderr, /Node 26 以上が必要です/)
})

test('the Node of the package goes before that of the PATH, and becomes the process', (t) => {
  const { run, home, own, onPath } = scene(t)
  own('v26.10.0')
  onPath('v27.0.0')
  const ended = run(join(home, 'bin/daruma'), ['account', 'add', 'two words', "it's", ''])
  const [shellPid, first, ...words] = ended.stdout.trimEnd().split('\n')
  assert.equal(first, `v26.10.0 as ${shellPid}, uring 0:`) // the same process all along: a signal reaches the server
  assert.deepEqual(words, ['<--max-semi-space-size=2>', '<--max-old-space-size=1024>', '<--disable-warning=ExperimentalWarning>', `<${join(home, 'src/cli/main.ts')}>`, '<account>', '<add>', '<two words>', "<it's>", '<>'])
})

test('a Node of the package that does not run here is passed over', (t) => {
  const { run, home, ownBroken, onPath } = scene(t)
  ownBroken()
  onPath('v27.1.0')
  assert.match(run(join(home, 'bin/daruma')).stdout, /v27\.1\.0 as/)
})

test('works through symbolic links, absolute and relative, from anywhere', (t) => {
  const { run, folder, home, own } = scene(t)
  own('v26.0.0')
  mkdirSync(join(folder, 'links/deeper'), { recursive: true })
  symlinkSync(join(home, 'bin/daruma'), join(folder, 'links/absolute'))
  symlinkSync('../../the package/bin/daruma', join(folder, 'links/deeper/relative'))
  symlinkSync('deeper/relative', join(folder, 'links/twice'))
  for (const link of ['links/absolute', 'links/deeper/relative', 'links/twice']) {
    for (const [path, cwd] of [[join(folder, link), '/'], [`./${link}`, folder]] as const) {
      assert.ok(run(path, [], {}, cwd).stdout.includes(`<${join(home, 'src/cli/main.ts')}>`), `${path} from ${cwd}`)
    }
  }
})

test('the real one runs here', () => {
  const ended = spawnSync(launcher, ['--version'], { encoding: 'utf8', cwd: '/' })
  assert.match(ended.stdout, /^daruma \d+\.\d+\.\d+\n$/)
  assert.equal(ended.status, 0)
  const mistaken = spawnSync(launcher, ['no-such-command'], { encoding: 'utf8' })
  assert.equal(mistaken.status, 2)
})
