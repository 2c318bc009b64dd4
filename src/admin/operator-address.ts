// Addresses and domains as an operator types them. Stricter than what mail may carry: nobody needs an
// account whose name has to be quoted. Double and final dots are taken: Japanese carriers gave them out.
import { domainToUnicode } from 'node:url'
import { isIP } from 'node:net'
import { type Text, text } from '../base/language.ts'
import { addressKey, domainKey } from '../store/store.ts'
import { type Refusal, refused, EXIT } from './office.ts'

export interface OperatorAddress {
  /** As typed. */
  readonly address: string
  readonly key: string
  /** In lower case, as U-labels. */
  readonly domain: string
}

/** RFC 5322 atext and dots, and everything beyond ASCII (RFC 6531) but blanks and control characters. */
const LOCAL = /^[\p{L}\p{M}\p{N}\p{S}\p{P}]+$/u
const LOCAL_ASCII_FORBIDDEN = /[()<>[\]:;@\\,"]/
/** RFC 5321 §4.5.3.1.1. */
const LOCAL_OCTETS_MAX = 64
const LABEL = /^[\p{L}\p{N}_](?:[\p{L}\p{N}\p{M}_-]{0,61}[\p{L}\p{N}\p{M}])?$/u

export function readDomain(words: string): { ok: true; value: string } | Refusal {
  const domain = domainKey(words.trim())
  const isDomain = domain.length > 0 && domain.length <= 253 && isIP(domain) === 0 && domain.split('.').every((label) => LABEL.test(label))
  // A name that IDNA cannot write (RFC 5890) would match no mail.
  if (isDomain && (!domain.includes('xn--') || domainToUnicode(domain) !== '')) return { ok: true, value: domain }
  return wrong('bad-domain', text(`"${words}" is no domain such as "example.org"`, `「${words}」は "example.org" のようなドメインではありません`))
}

export function readAddress(words: string): { ok: true; value: OperatorAddress } | Refusal {
  const address = words.trim()
  const at = address.lastIndexOf('@')
  const local = address.slice(0, Math.max(at, 0))
  if (at < 1 || !LOCAL.test(local) || LOCAL_ASCII_FORBIDDEN.test(local) || Buffer.byteLength(local) > LOCAL_OCTETS_MAX) {
    return wrong('bad-address', text(`"${words}" is no mail address such as "ada@example.org"`, `「${words}」は "ada@example.org" のようなメールアドレスではありません`))
  }
  const domain = readDomain(address.slice(at + 1))
  if (!domain.ok) return domain
  return { ok: true, value: { address, key: addressKey(address), domain: domain.value } }
}

function wrong(code: string, reason: Text): Refusal {
  return refused(code, reason, EXIT.usage)
}
