// The key under which an address is found: worked out before anything is recorded and stored beside
// the address, so that no table of letters is asked while applying (STORE.md, Applying 2).
// Local parts are compared without case here, as every large provider does.
import { domainToUnicode } from 'node:url'

/** "User@Example.ORG" and "user@xn--…" → one key: NFC, lower case, domain as U-labels. Splits at the last "@". */
export function addressKey(address: string): string {
  const at = address.lastIndexOf('@')
  if (at < 0) return address.normalize('NFC').toLowerCase()
  return `${localKey(address.slice(0, at))}@${domainKey(address.slice(at + 1))}`
}

/** A quoted local part that needs no quotes is the same as the plain one (RFC 5321 §4.1.2). */
function localKey(local: string): string {
  const bare = /^"([^"\\]*)"$/.exec(local)?.[1]
  return (bare ?? local).normalize('NFC').toLowerCase()
}

/** Domain in lower case as U-labels, without a final dot; address literals stay as they are. */
export function domainKey(domain: string): string {
  const lower = domain.toLowerCase().replace(/\.$/, '')
  if (lower.startsWith('[')) return lower
  // domainToUnicode answers "" for what is no domain: keep the text itself, which then matches nothing.
  return lower.includes('xn--') ? domainToUnicode(lower) || lower : lower.normalize('NFC')
}
