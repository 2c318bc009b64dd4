// For tests: a day in the life of a server, good and bad, with words that try to break the page.
import { text } from '../../base/language.ts'
import type { ServiceLevel, ServiceName, StandingService } from '../../health/health.ts'
import { serviceNames } from '../../health/health.ts'
import type { StatusFacts } from './status-facts.ts'

export const factsNowMs = Date.UTC(2026, 10, 25, 0, 30)
const HOUR_MS = 3600_000
const DAY_MS = 24 * HOUR_MS

export const hostileWords = `</style><script>alert("1")</script> & 'quoted' \u0000\u001b[31m ]]> \ud800`

export function factsWithTrouble(): StatusFacts {
  const levels: { [name in ServiceName]: ServiceLevel } = { smtp: 'degraded', submission: 'down', imap: 'down', queue: 'down', storage: 'up' }
  const services: StandingService[] = serviceNames.map((name) => ({
    name, level: levels[name], sinceMs: factsNowMs - 12 * 60_000,
    because: levels[name] === 'up' ? undefined : name === 'smtp' ? text('Mail is taken and safe; it is delivered a little later.', 'メールは受け取られ、安全に保管されています。配達は少し後になります。') : text('The server is being brought back.', 'サーバーを復旧しています。'),
  }))
  const days = Array.from({ length: 90 }, (_, index) => {
    const day = new Date(factsNowMs - (89 - index) * DAY_MS).toISOString().slice(0, 10)
    const known = index >= 20
    const bad = index === 50
    const planned = index === 70
    const one = { up: DAY_MS - (bad ? 20 * 60_000 : planned ? 2 * HOUR_MS : 0), degraded: bad ? 12 * 60_000 : 0, down: bad ? 8 * 60_000 : 0, maintenance: planned ? 2 * HOUR_MS : 0 }
    return { day, of: Object.fromEntries(serviceNames.map((name) => [name, known ? one : undefined])) as { [name in ServiceName]: typeof one | undefined } }
  })
  return {
    services, days,
    incidents: [
      {
        id: 'I8', kind: 'crash-loop', severity: 'critical', services: ['smtp', 'submission', 'imap', 'queue'], beganMs: factsNowMs - 12 * 60_000, endedMs: undefined, ending: undefined,
        what: text('The mail server stopped several times in a row.', 'メールサーバーが続けて何度も停止しました。'),
        doing: text('Mail from outside is taken and kept; the server is tried again at growing intervals.', '外からのメールは受け取って保管しています。'),
        notes: [{ atMs: factsNowMs - 5 * 60_000, sentence: text(hostileWords, hostileWords) }],
      },
      {
        id: 'I7', kind: 'disk-full', severity: 'major', services: ['smtp', 'submission', 'storage'], beganMs: factsNowMs - 39 * DAY_MS, endedMs: factsNowMs - 39 * DAY_MS + 20 * 60_000,
        what: text('The disk is full: new mail cannot be taken.', 'ディスクがいっぱいで、新しいメールを受け取れません。'), doing: text('Senders are asked to try again later.', '送信側に後での再送を求めています。'),
        ending: text('There is room again; mail is taken.', '空きができ、受け取りを再開しました。'), notes: [],
      },
    ],
    windows: [{
      id: 'M3', fromMs: factsNowMs + 3 * DAY_MS, toMs: factsNowMs + 3 * DAY_MS + 2 * HOUR_MS, what: hostileWords, state: 'planned',
      words: text('From … to …. Mail from outside is taken meanwhile and delivered afterwards.', 'その間も外からのメールは受け取ります。'),
    }],
  }
}

export function factsOfPeace(): StatusFacts {
  const { days } = factsWithTrouble()
  return { services: serviceNames.map((name) => ({ name, level: 'up', sinceMs: factsNowMs - 30 * DAY_MS, because: undefined })), days, incidents: [], windows: [] }
}
