// The fixed words of the status page, in both languages. What happens has its words where it happens (health/,
// maintenance/).
import type { Language } from '../../base/language.ts'
import type { ServiceLevel, Severity } from '../../health/health.ts'

export interface PageWords {
  readonly heading: (title: string) => string
  readonly overall: { readonly [level in ServiceLevel]: string }
  readonly level: { readonly [level in ServiceLevel | 'unknown']: string }
  readonly severity: { readonly [severity in Severity]: string }
  readonly services: string
  readonly since: string
  readonly openIncidents: string
  readonly pastIncidents: string
  readonly noIncidents: string
  readonly planned: string
  readonly nothingPlanned: string
  readonly running: string
  readonly daysAgo: (days: number) => string
  readonly today: string
  readonly reachable: (percent: string) => string
  readonly nothingKnown: string
  readonly troubleDays: (count: number) => string
  readonly noTrouble: string
  readonly minutes: (minutes: number) => string
  readonly updated: string
  readonly stale: string
  readonly feed: string
  readonly otherLanguage: string
  readonly from: string
  readonly until: string
  readonly over: string
}

export const pageWordsOf: { readonly [language in Language]: PageWords } = {
  en: {
    heading: (title) => `Status of ${title}`,
    overall: { up: 'All services work.', degraded: 'Some services are limited.', down: 'Some services are down.', maintenance: 'Maintenance is under way.' },
    level: { up: 'Works', degraded: 'Limited', down: 'Down', maintenance: 'Maintenance', unknown: 'Nothing known' },
    severity: { info: 'Notice', minor: 'Minor', major: 'Major', critical: 'Critical' },
    services: 'Services',
    since: 'since',
    openIncidents: 'What is going on now',
    pastIncidents: 'What has happened',
    noIncidents: 'Nothing has happened in the last 90 days.',
    planned: 'Planned maintenance',
    nothingPlanned: 'Nothing is planned.',
    running: 'running now',
    daysAgo: (days) => `${days} days ago`,
    today: 'today',
    reachable: (percent) => `reachable ${percent} % of the time`,
    nothingKnown: 'nothing known yet',
    troubleDays: (count) => (count === 1 ? 'One day with interruptions' : `${count} days with interruptions`),
    noTrouble: 'no interruptions',
    minutes: (minutes) => (minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`),
    updated: 'Last updated',
    stale: 'If that is more than ten minutes ago, this page itself has lost touch with the server.',
    feed: 'RSS feed',
    otherLanguage: '日本語',
    from: 'From',
    until: 'until',
    over: 'Over',
  },
  ja: {
    heading: (title) => `${title} の状態`,
    overall: { up: 'すべてのサービスが正常です。', degraded: '一部のサービスに制限があります。', down: '一部のサービスが停止しています。', maintenance: 'メンテナンス中です。' },
    level: { up: '正常', degraded: '制限あり', down: '停止', maintenance: 'メンテナンス', unknown: '記録なし' },
    severity: { info: 'お知らせ', minor: '軽微', major: '重大', critical: '緊急' },
    services: 'サービス',
    since: '開始',
    openIncidents: '現在起きていること',
    pastIncidents: 'これまでの出来事',
    noIncidents: 'この 90 日間、何も起きていません。',
    planned: '計画されたメンテナンス',
    nothingPlanned: '予定はありません。',
    running: '実行中',
    daysAgo: (days) => `${days} 日前`,
    today: '今日',
    reachable: (percent) => `${percent} % の時間で利用可能`,
    nothingKnown: 'まだ記録がありません',
    troubleDays: (count) => `中断のあった日：${count} 日`,
    noTrouble: '中断なし',
    minutes: (minutes) => (minutes < 60 ? `${minutes} 分` : `${Math.floor(minutes / 60)} 時間 ${minutes % 60} 分`),
    updated: '最終更新',
    stale: 'これが十分以上前なら、このページ自体がサーバーと連絡できていません。',
    feed: 'RSS フィード',
    otherLanguage: 'English',
    from: '開始',
    until: '終了',
    over: '終了',
  },
}
