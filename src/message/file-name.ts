// Parameters as people read them: file names above all. Mail clients, Japanese ones more than others, write
// them by RFC 2231, in encoded words (forbidden, and common), or as raw octets of any charset; all are read.
import type { ByteString } from './byte-string.ts'
import { decodeByteString } from './charset.ts'
import { decodeEncodedWords } from './encoded-word.ts'
import { joinPieces, type Parameter } from './parameters.ts'
import type { Part } from './part.ts'

/** Text of a parameter (name in lower case). Where both forms are given, that of RFC 2231 counts. */
export function decodedParameter(parameters: readonly Parameter[], name: string): string | undefined {
  const pieces = joinPieces(parameters, name)
  if (pieces) return pieces.charset === '' ? decodeLoose(pieces.value) : decodeByteString(pieces.value, pieces.charset)
  for (const parameter of parameters) if (parameter.name === name) return decodeLoose(parameter.value)
  return undefined
}

function decodeLoose(value: ByteString): string {
  return value.includes('=?') ? decodeEncodedWords(value) : decodeByteString(value)
}

/** The file name of a part, from Content-Disposition or else Content-Type, as the sender gave it. */
export function fileNameOf(part: Part): string | undefined {
  return (part.disposition && decodedParameter(part.disposition.parameters, 'filename')) ?? decodedParameter(part.parameters, 'name')
}

/** The charset that a part claims, as a label. */
export function charsetOf(part: Part): string | undefined {
  return decodedParameter(part.parameters, 'charset')
}
