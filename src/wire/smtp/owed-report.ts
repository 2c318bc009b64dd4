// Which reports a sender is owed (RFC 3461), and whose words an outcome of ours carries. Pure.

/**
 * Whether the sender is to be told. Never to the null sender (RFC 5321 §4.5.5: reports of reports go
 * round for ever). Without NOTIFY: failures and, as RFC 3461 §4.1 leaves to us, delays.
 */
export function owesReport(work: { sender: string; notify: string | null }, event: 'SUCCESS' | 'FAILURE' | 'DELAY'): boolean {
  if (work.sender === '') return false
  if (work.notify === null || work.notify === '') return event !== 'SUCCESS'
  return work.notify.toUpperCase().split(',').some((word) => word.trim() === event)
}

/** A reply of the other side has a code; anything else is our own finding (RFC 3464 §2.3.6). */
export function isPeersReply(text: string): boolean {
  return /^[2-5]\d\d([ -]|$)/.test(text)
}
