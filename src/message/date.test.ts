import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseInternalDate, parseMailDate, printInternalDate, printMailDate } from './date.ts'

const iso = (text: string) => {
  const parsed = parseMailDate(text)
  return parsed.ok ? `${new Date(parsed.value.atMs).toISOString()} ${parsed.value.zoneMinutes}` : parsed.code
}

test('RFC 5322: present and obsolete forms', () => {
  for (const [text, expected] of [
    ['Fri, 21 Nov 1997 09:55:06 -0600', '1997-11-21T15:55:06.000Z -360'],
    ['Tue, 1 Jul 2003 10:52:37 +0200', '2003-07-01T08:52:37.000Z 120'],
    ['Thu, 13 Feb 1969 23:32:54 -0330', '1969-02-14T03:02:54.000Z -210'],
    ['Thu,\t13\tFeb\t1969\t23:32\t-0330 (Newfoundland Time)', '1969-02-14T03:02:00.000Z -210'],
    ['21 Nov 97 09:55:06 GMT', '1997-11-21T09:55:06.000Z 0'],
    ['Fri, 21 Nov 1997 09(comment):   55  :  06 -0600', '1997-11-21T15:55:06.000Z -360'],
    ['21 Nov 49 00:00 EST', '2049-11-21T05:00:00.000Z -300'],
    ['21 Nov 103 00:00 PDT', '2003-11-21T07:00:00.000Z -420'],
    ['1 Jan 2000 00:00:00 A', '2000-01-01T00:00:00.000Z 0'], // military zones mean nothing
    ['31 Dec 2016 23:59:60 +0000', '2017-01-01T00:00:00.000Z 0'], // leap second
    ['29 Feb 2000 12:00:00 -0000', '2000-02-29T12:00:00.000Z 0'],
  ] as const) assert.equal(iso(text), expected, text)
})

test('what real mail has besides', () => {
  for (const [text, expected] of [
    ['Mon Feb  7 21:52:25 1994', '1994-02-07T21:52:25.000Z 0'],
    ['Mon Feb  7 21:52:25 JST 1994', '1994-02-07T12:52:25.000Z 540'],
    ['Mon, 7 Feb 1994 21:52:25 GMT+0900', '1994-02-07T12:52:25.000Z 540'],
    ['7-Feb-1994 21:52:25 +09:00', '1994-02-07T12:52:25.000Z 540'],
    ['Monday, 07 February 1994 09.52.25 PM +0900', '1994-02-07T12:52:25.000Z 540'],
    ['1994-02-07T21:52:25+0900', '1994-02-07T12:52:25.000Z 540'],
    ['1994-02-07 21:52:25.123 +0900', '1994-02-07T12:52:25.000Z 540'],
    ['月, 7 Feb 1994 21:52:25 +0900 (JST)', '1994-02-07T12:52:25.000Z 540'],
  ] as const) assert.equal(iso(text), expected, text)
})

test('what is no date is refused', () => {
  for (const text of ['', 'yesterday', '32 Jan 2000 00:00 GMT', '29 Feb 1900 00:00 GMT', '1 Foo 2000 00:00', '1 Jan 2000', '1 Jan 2000 25:00', '1 Jan 99999 00:00', 'x'.repeat(1000), '1 2 3 4']) {
    assert.equal(parseMailDate(text).ok, false, text)
  }
})

test('INTERNALDATE (RFC 3501 §9)', () => {
  assert.deepEqual(parseInternalDate('17-Jul-1996 02:44:25 -0700'), { ok: true, value: { atMs: Date.UTC(1996, 6, 17, 9, 44, 25), zoneMinutes: -420 } })
  assert.equal(printInternalDate(Date.UTC(1996, 6, 7, 9, 44, 25), -420), ' 7-Jul-1996 02:44:25 -0700')
  for (const text of ['7-Jul-1996 02:44:25 -0700', '17-Jul-96 02:44:25 -0700', '31-Feb-1996 02:44:25 -0700', '17-Jul-1996 24:00:00 +0000', '17-Jul-1996 02:44:25']) assert.equal(parseInternalDate(text).ok, false, text)
})

test('printed dates are read again', () => {
  const atMs = fc.integer({ min: 0, max: 253_402_300_799 - 86_400 }).map((seconds) => seconds * 1000)
  fc.assert(fc.property(atMs, fc.integer({ min: -12 * 60, max: 14 * 60 }), (atMs, zoneMinutes) => {
    assert.deepEqual(parseMailDate(printMailDate(atMs, zoneMinutes)), { ok: true, value: { atMs, zoneMinutes } })
    assert.deepEqual(parseInternalDate(printInternalDate(atMs, zoneMinutes)), { ok: true, value: { atMs, zoneMinutes } })
  }))
})

test('random letters never throw', () => {
  const letters = fc.array(fc.constantFrom('1', '12', 'Jan', ':', '+0900', '-', ' ', 'GMT', '.', '(', ')', '2000', 'x'), { maxLength: 15 })
  fc.assert(fc.property(letters, (list) => void parseMailDate(list.join(''))), { numRuns: 1000 })
})
