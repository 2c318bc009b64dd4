// What became of one recipient in one attempt, in the three words that the queue decides by. Made by
// the SMTP client from replies, and by the queue itself where no connection came about (DNS, routes).
// Anything nobody foresaw is `temporary` (INV-10).

/** Who is answered for: the next server's own words, or our finding about it. */
export interface ResultFacts {
  /** One line: the reply as the server gave it ("550 5.1.1 no such user"), or our own sentence. At most `REPLY_CHARACTERS_MAX`. */
  reply: string
  /** Enhanced status (RFC 3463), "0.0" details when the server gave none. */
  status: string
  /** Host that answered or was tried: "mx.example.org [192.0.2.1]:25", or the domain when none was found. */
  remote: string
}

export type RecipientResult =
  /** The next server has taken the message; `reportsPassedOn` when it also took over the duty of reports (RFC 3461). */
  | ({ end: 'delivered'; reportsPassedOn: boolean } & ResultFacts)
  | ({ end: 'temporary' } & ResultFacts)
  | ({ end: 'permanent' } & ResultFacts)

/** Replies are kept with the queue and shown in reports: no server may fill either. */
export const REPLY_CHARACTERS_MAX = 500

const CONTROLS = /[\u0000-\u001f\u007f-\u009f]+/g

/** A reply's lines as one line without control characters, cut to `REPLY_CHARACTERS_MAX`. */
export function replyLine(text: string): string {
  const line = text.replace(CONTROLS, ' ').trim()
  return line.length <= REPLY_CHARACTERS_MAX ? line : `${line.slice(0, REPLY_CHARACTERS_MAX - 1)}…`
}

/** The enhanced status that a reply carries if it is of the class that we act by ("2", "4", "5"), else that class with no details (RFC 3463). */
export function statusOf(status: string, kind: '2' | '4' | '5'): string {
  return status.startsWith(kind) ? status : `${kind}.0.0`
}
