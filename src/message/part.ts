// One part of a message as the scanner found it: where it lies and what its header says of it, in the
// form in which it is shown to clients. Parts that the grammar of BODYSTRUCTURE cannot express (a
// multipart without parts, a type without a subtype, a message that is only a header) are shown as
// text/plain or application/octet-stream, so that no answer ever breaks a client.
import type { ByteString } from './byte-string.ts'
import { asciiLower } from '../base/bytes.ts'
import { FIELD, type KnownFields } from './known-fields.ts'
import { parseParameterized, rawParameter, type Parameter, type ParameterizedValue } from './parameters.ts'

export interface Part {
  /** Offsets in octets from the first octet of the message. The header includes its empty line. */
  headerStart: number
  /** End of the header and start of the body. */
  bodyStart: number
  bodyEnd: number
  /** Line ends (LF) in the body. */
  lines: number
  /** False when no empty line ended the header. */
  headerClosed: boolean
  /** `multipart` has at least one child; `message` (message/rfc822) has exactly one, the message inside. */
  kind: 'leaf' | 'multipart' | 'message'
  /** As shown, in lower case. */
  type: string
  subtype: string
  parameters: readonly Parameter[]
  disposition: ParameterizedValue | undefined
  /** Lower case: `7bit`, `base64`, … */
  encoding: string
  id: ByteString | undefined
  description: ByteString | undefined
  language: readonly ByteString[] | undefined
  location: ByteString | undefined
  md5: ByteString | undefined
  children: Part[]
  /** ENVELOPE text of a message inside message/rfc822. */
  envelope: ByteString | undefined
}

const NO_PARAMETERS: readonly Parameter[] = []
const NO_FIELDS_PARAMETERS: readonly Parameter[] = [{ name: 'charset', value: 'US-ASCII' }]

export function newPart(headerStart: number): Part {
  return {
    headerStart, bodyStart: headerStart, bodyEnd: headerStart, lines: 0, headerClosed: false, kind: 'leaf',
    type: 'text', subtype: 'plain', parameters: NO_FIELDS_PARAMETERS, disposition: undefined, encoding: '7bit', id: undefined,
    description: undefined, language: undefined, location: undefined, md5: undefined, children: [], envelope: undefined,
  }
}

const TOKEN = /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+$/

/** Fills in what the header says. `inDigest`: the default type is message/rfc822 (RFC 2046 §5.1.5). */
export function describePart(part: Part, fields: KnownFields, inDigest: boolean): void {
  const contentType = fields.value(FIELD.contentType)
  if (contentType) setType(part, parseParameterized(contentType))
  else if (inDigest) {
    part.type = 'message'
    part.subtype = 'rfc822'
    part.parameters = NO_PARAMETERS
  }
  const encoding = fields.value(FIELD.contentTransferEncoding)
  if (encoding) part.encoding = asciiLower(/^[^\s;(]*/.exec(encoding)![0]) || '7bit'
  const disposition = fields.value(FIELD.contentDisposition)
  if (disposition) {
    const parsed = parseParameterized(disposition)
    if (parsed.value !== '') part.disposition = parsed
  }
  part.id = fields.value(FIELD.contentId) || undefined
  part.description = fields.value(FIELD.contentDescription) || undefined
  const location = fields.value(FIELD.contentLocation)
  if (location) part.location = bareLocation(location) || undefined
  part.md5 = fields.value(FIELD.contentMd5) || undefined
  const language = fields.value(FIELD.contentLanguage)
  if (language) {
    const tags = language.replace(/\([^()]*\)/g, '').split(',', 100).map((tag) => tag.trim()).filter(Boolean)
    if (tags.length > 0) part.language = tags
  }
}

/** A URI without the comments, quotes and folding spaces that may stand around and in it (RFC 2557 §4.4.2). */
function bareLocation(value: ByteString): ByteString {
  return value.replace(/^\s*\([^()]*\)|\([^()]*\)\s*$/g, '').replace(/[ \t"]+/g, '')
}

function setType(part: Part, { value, parameters }: ParameterizedValue): void {
  const slash = value.indexOf('/')
  const type = asciiLower(slash < 0 ? value : value.slice(0, slash))
  const subtype = slash < 0 ? '' : asciiLower(value.slice(slash + 1))
  part.parameters = parameters
  if (TOKEN.test(type) && TOKEN.test(subtype)) {
    part.type = type
    part.subtype = subtype
    if (type === 'text' && !parameters.some(isCharset)) part.parameters = [...NO_FIELDS_PARAMETERS, ...parameters]
  } else if (type === '' || type === 'text') {
    part.parameters = parameters.some(isCharset) ? parameters : [...NO_FIELDS_PARAMETERS, ...parameters] // RFC 2045 §5.2
  } else if (type === 'multipart' && rawParameter(parameters, 'boundary')) {
    part.type = 'multipart'
    part.subtype = 'mixed'
  } else {
    part.type = 'application'
    part.subtype = 'octet-stream'
  }
}

function isCharset(parameter: Parameter): boolean {
  return parameter.name === 'charset' || parameter.name.startsWith('charset*')
}

/** A container without contents, shown as plain text: its octets stay visible to whoever reads it. */
export function showAsText(part: Part): void {
  part.kind = 'leaf'
  part.type = 'text'
  part.subtype = 'plain'
  const others = part.parameters.filter((parameter) => !/^(?:boundary|type|report-type|charset)(?:\*|$)/.test(parameter.name))
  part.parameters = [...NO_FIELDS_PARAMETERS, ...others]
  part.children = []
}

/** A container that is not opened: too deep, too many parts, or encoded. */
export function showAsOctets(part: Part): void {
  part.kind = 'leaf'
  part.type = 'application'
  part.subtype = 'octet-stream'
  part.parameters = part.parameters.filter((parameter) => !parameter.name.startsWith('boundary'))
  part.children = []
}

/** Drops everything that the header says beyond the type: the message says too much about its parts. */
export function showBare(part: Part): void {
  part.parameters = NO_PARAMETERS
  part.disposition = undefined
  part.id = part.description = part.location = part.md5 = undefined
  part.language = undefined
}

/** Roughly the octets that the description of a part takes in memory and in BODYSTRUCTURE. */
export function descriptionOctets(part: Part): number {
  let octets = (part.id?.length ?? 0) + (part.description?.length ?? 0) + (part.location?.length ?? 0) + (part.md5?.length ?? 0)
  for (const { name, value } of part.parameters) octets += name.length + value.length
  if (part.disposition) for (const { name, value } of part.disposition.parameters) octets += name.length + value.length
  if (part.language) for (const tag of part.language) octets += tag.length
  return octets
}
