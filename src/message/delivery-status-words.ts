// What a delivery status notification says to the person who gets it, in English and in Japanese.
// Plain words for each enhanced status code (RFC 3463) that a sender can do something about.
import type { DeliveryAction } from './delivery-status.ts'

export interface BothLanguages {
  en: string
  ja: string
}

export const SUBJECTS: Readonly<Record<DeliveryAction, BothLanguages>> = {
  failed: { en: 'Your message could not be delivered', ja: 'メールを配送できませんでした' },
  delayed: { en: 'Your message is delayed', ja: 'メールの配送が遅れています' },
  delivered: { en: 'Your message was delivered', ja: 'メールを配送しました' },
  relayed: { en: 'Your message was passed on', ja: 'メールを中継しました' },
  expanded: { en: 'Your message was passed on to several people', ja: 'メールを複数の宛先に展開しました' },
}

export const OPENINGS: Readonly<Record<DeliveryAction, BothLanguages>> = {
  failed: {
    en: 'The message could not be delivered to the addresses below. It will not be tried again.',
    ja: '次の宛先へメールを配送できませんでした。再送は行いません。',
  },
  delayed: {
    en: 'The message has not been delivered to the addresses below yet. It will be tried again: you need not send it again.',
    ja: '次の宛先への配送がまだ完了していません。自動的に再送しますので、送り直す必要はありません。',
  },
  delivered: { en: 'The message was delivered to the addresses below.', ja: '次の宛先へメールを配送しました。' },
  relayed: {
    en: 'The message was passed on for the addresses below, to a server that does not report deliveries. You will hear no more unless it fails.',
    ja: '次の宛先へのメールを、配送通知に対応していないサーバーへ中継しました。失敗しない限り、以後の通知はありません。',
  },
  expanded: { en: 'The message was passed on to everybody behind the addresses below.', ja: '次の宛先のメールを、その先の複数の宛先へ展開しました。' },
}

const REASONS: Readonly<Record<string, BothLanguages>> = {
  '1.1': { en: 'there is no such mailbox there; check the address', ja: '宛先のメールボックスが存在しません。アドレスをご確認ください' },
  '1.2': { en: 'there is no such domain, or it takes no mail; check what stands behind the @', ja: '宛先のドメインが存在しないか、メールを受け付けていません。@ より後ろをご確認ください' },
  '1.3': { en: 'the address is not written correctly', ja: 'アドレスの書き方が正しくありません' },
  '1.6': { en: 'the mailbox has moved and left no new address', ja: 'メールボックスは移転しており、移転先は不明です' },
  '1.10': { en: 'the domain says that it takes no mail', ja: '宛先のドメインはメールを受け付けないと表明しています' },
  '2.1': { en: 'the mailbox is disabled', ja: '宛先のメールボックスは使用停止中です' },
  '2.2': { en: 'the mailbox is full', ja: '宛先のメールボックスがいっぱいです' },
  '2.3': { en: 'the message is too large for the mailbox', ja: 'メールが宛先のメールボックスの上限を超えています' },
  '3.4': { en: 'the message is too large for the server there', ja: 'メールが宛先サーバーの上限を超えています' },
  '4.1': { en: 'the server there does not answer', ja: '宛先のサーバーが応答しません' },
  '4.2': { en: 'the connection to the server there broke off', ja: '宛先のサーバーとの接続が切れました' },
  '4.3': { en: 'its name could not be looked up (DNS)', ja: '宛先の名前を DNS で調べられませんでした' },
  '4.4': { en: 'no way to the server there was found', ja: '宛先のサーバーへの経路がありません' },
  '4.6': { en: 'the message goes round in circles', ja: 'メールがループしています' },
  '4.7': { en: 'it could not be delivered in the time allowed', ja: '期限内に配送できませんでした' },
  '6.7': { en: 'the server there cannot take addresses with letters beyond ASCII', ja: '宛先のサーバーは国際化メールアドレスに対応していません' },
  '7.1': { en: 'the server there refuses this message or this sender', ja: '宛先のサーバーがこのメールまたは送信者を拒否しました' },
}

const CLASSES: Readonly<Record<string, BothLanguages>> = {
  '1': { en: 'there is something wrong with the address', ja: '宛先アドレスに問題があります' },
  '2': { en: 'there is something wrong with the mailbox', ja: '宛先のメールボックスに問題があります' },
  '3': { en: 'the server there has a problem', ja: '宛先のサーバーに問題があります' },
  '4': { en: 'the server there could not be reached', ja: '宛先のサーバーに到達できませんでした' },
  '5': { en: 'the two servers did not understand each other', ja: 'サーバー間の通信手順に問題がありました' },
  '6': { en: 'the server there cannot take the message in this form', ja: 'この形式のメールは宛先のサーバーで受け取れません' },
  '7': { en: 'the server there refused it for reasons of security or policy', ja: 'セキュリティまたは運用方針により拒否されました' },
}

/** Words for a status such as `5.1.1`; undefined for success and for codes that say nothing. */
export function reasonFor(status: string): BothLanguages | undefined {
  const [kind, subject, detail] = status.split('.')
  if (kind === '2' || subject === undefined || detail === undefined) return undefined
  return REASONS[`${subject}.${detail}`] ?? CLASSES[subject]
}
