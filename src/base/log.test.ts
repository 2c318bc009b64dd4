import test from 'node:test'
import assert from 'node:assert/strict'
import { FakeClock } from './clock.ts'
import { createLog } from './log.ts'

test('one line of JSON, whatever strangers put into it', () => {
  const lines: string[] = []
  const log = createLog({ clock: new FakeClock(), level: 'info', sink: (line) => lines.push(line) }, { thread: 'taking' })
  const helo = 'a\r\n{"level":"error"}\u001b[31m\u009b31m\u007f\u0085é'
  log.info('refused', { helo })
  log.debug('not said')
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /^[^\u0000-\u001f\u007f-\u009f]*\n$/)
  assert.deepEqual((({ thread, helo: said }) => [thread, said])(JSON.parse(lines[0] ?? '') as { thread: string; helo: string }), ['taking', helo])
})
