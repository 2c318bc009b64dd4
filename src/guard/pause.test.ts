import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pauseOf, pauseWords, printPause } from './pause.ts'

const with_ = (value: string | undefined) => ({ setting: (name: string) => (name === 'pause.smtp-in' ? value : undefined) })

test('a pause lasts until it is resumed, or its time is over', () => {
  const pause = { sinceMs: 1000, untilMs: 5000, why: 'a look at the disk' }
  assert.deepEqual(pauseOf(with_(printPause(pause)), 'smtp-in', 2000), pause)
  assert.equal(pauseOf(with_(printPause(pause)), 'smtp-in', 5000), undefined)
  assert.equal(pauseOf(with_(printPause(pause)), 'submission', 2000), undefined)
  assert.deepEqual(pauseOf(with_(printPause({ sinceMs: 1, untilMs: undefined, why: undefined })), 'smtp-in', 9e15), { sinceMs: 1, untilMs: undefined, why: undefined })
})

test('what cannot be read is no pause', () => {
  for (const value of [undefined, '', 'null', '{}', '{"sinceMs":"x"}', '[']) assert.equal(pauseOf(with_(value), 'smtp-in', 0), undefined)
})

test('the words are one line of ASCII', () => {
  assert.equal(pauseWords({ sinceMs: 0, untilMs: Date.UTC(2026, 0, 2, 3, 4), why: 'ディスク\r\nQUIT' }), 'mail is put off by the administrator until 2026-01-02T03:04Z: ??????QUIT; try again later')
})
