// What is said about a maintenance window: to servers (SMTP), to mail programs (IMAP), to people by mail. Pure.
// Protocol texts are ASCII and English; the message to people is in both languages.
import { type Text, text } from '../base/language.ts'
import { printLocalEnd, printLocalTime } from '../base/local-time.ts'
import type { MaintenanceWindow } from './window.ts'

type Stretch = Pick<MaintenanceWindow, 'fromMs' | 'toMs'>

/** "04:00 +0900"; with the day when that is not the day of `nowMs`. */
export function untilWords(window: Stretch, nowMs: number): string {
  return printLocalEnd(nowMs, window.toMs)
}

/** The text behind 421 or 451 and its 4.3.2. */
export function smtpWords(window: Stretch, nowMs: number): string {
  return `maintenance until ${untilWords(window, nowMs)}, please try again then`
}

/** The text of `* OK [ALERT]` and of the BYE. */
export function imapWords(window: Stretch, nowMs: number): string {
  return `Maintenance until ${untilWords(window, nowMs)}. Your mail is safe.`
}

/** One sentence for the status page, of a window that is planned or runs. */
export function pageWords(window: MaintenanceWindow): Text {
  const [from, to] = [printLocalTime(window.fromMs), printLocalEnd(window.fromMs, window.toMs)]
  return window.mode === 'take'
    ? text(`From ${from} to ${to}. Mail from outside is taken meanwhile and delivered afterwards; reading and sending have to wait.`, `${from} から ${to} まで。その間も外からのメールは受け取り、作業後に配達します。読むことと送ることはできません。`)
    : text(`From ${from} to ${to}. Senders are asked to try again later, which they do by themselves; reading and sending have to wait.`, `${from} から ${to} まで。その間は送信側に後での再送を求めます（再送は自動です）。読むことと送ることはできません。`)
}

export interface Announcement {
  /** Tells apart what was filed already: the same id is filed once. */
  readonly id: string
  readonly subject: string
  /** Lines end with LF. UTF-8. */
  readonly body: string
}

export function announcementOf(window: MaintenanceWindow, service: { hostname: string; statusUrl: string | undefined }): Announcement {
  const { hostname, statusUrl } = service
  const [from, to] = [printLocalTime(window.fromMs), printLocalEnd(window.fromMs, window.toMs)]
  const isCancelled = window.state === 'cancelled'
  const day = from.slice(0, 10)
  const sentences = pageWords(window)
  const pageEn = statusUrl === undefined ? [] : ['', `How things are at any time: ${statusUrl}`]
  const pageJa = statusUrl === undefined ? [] : ['', `現在の状況：${statusUrl}`]
  const english = isCancelled
    ? [`The maintenance of the mail server ${hostname}, announced for ${from} to ${to}, will not take place.`, 'You need not do anything.']
    : [`The mail server ${hostname} is being worked on:`, '', `  ${window.what}`, `  ${from} to ${to}`, '', sentences.en, 'No mail is lost. You need not do anything; your mail program connects again by itself.']
  const japanese = isCancelled
    ? [`お知らせしていたメールサーバー ${hostname} のメンテナンス（${from}～${to}）は行いません。`, '何もしていただく必要はありません。']
    : [`メールサーバー ${hostname} のメンテナンスを行います。`, '', `  ${window.what}`, `  ${from} ～ ${to}`, '', sentences.ja, 'メールが失われることはありません。特に何もしていただく必要はなく、メールソフトは自動でつながり直します。']
  return {
    id: `${window.id}.${window.fromMs}${isCancelled ? '.cancelled' : ''}`,
    subject: isCancelled ? `Maintenance on ${day} cancelled / ${day} のメンテナンスは中止` : `Maintenance on ${day} / ${day} メンテナンスのお知らせ`,
    body: [...english, ...pageEn, '', '----', '', ...japanese, ...pageJa, ''].join('\n'),
  }
}
