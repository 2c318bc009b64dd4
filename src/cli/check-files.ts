// Opens the files that a config names and says what is wrong with them, before a server is started on it.
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { errorSentence } from '../base/errors.ts'
import { isReadableByOthers, readSmallFile } from '../base/files.ts'
import { type Config, doorNames } from '../config/config.ts'
import type { Catalogue } from './language.ts'

export interface Findings {
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
}

const SOON_MS = 14 * 24 * 3600_000

export function checkFiles(config: Config, { say, nowMs }: { say: Catalogue; nowMs: number }): Findings {
  const [errors, warnings]: [string[], string[]] = [[], []]
  if (doorNames.every((door) => config.listen[door].length === 0)) warnings.push(say.nothingListens)
  if (config.tls) {
    const { certificate, key } = config.tls
    const [chain, secret] = [readSmallFile(certificate), readSmallFile(key)]
    for (const file of [chain, secret]) if (!file.ok) errors.push(`tls: ${file.reason}`)
    if (secret.ok && isReadableByOthers(key)) warnings.push(say.readableByOthers(key))
    let first: X509Certificate | undefined
    if (chain.ok) {
      try {
        first = new X509Certificate(chain.value)
      } catch (error) {
        errors.push(say.certificateUnreadable(certificate, errorSentence(error)))
      }
    }
    if (first) {
      const untilMs = first.validToDate.getTime()
      if (untilMs < nowMs) errors.push(say.certificateExpired(certificate, first.validToDate.toISOString()))
      else if (untilMs < nowMs + SOON_MS) warnings.push(say.certificateExpiresSoon(certificate, first.validToDate.toISOString()))
    }
    if (secret.ok) {
      try {
        const privateKey = createPrivateKey(Buffer.from(secret.value))
        if (first && !first.checkPrivateKey(privateKey)) errors.push(say.certificateUnreadable(key, 'not the key of this certificate'))
      } catch (error) {
        errors.push(say.certificateUnreadable(key, errorSentence(error)))
      }
    }
  }
  const passwordFile = config.outbound.smarthost?.login?.passwordFile
  if (passwordFile !== undefined) {
    const password = readSmallFile(passwordFile)
    if (!password.ok) errors.push(`outbound.smarthost_password_file: ${password.reason}`)
    else if (isReadableByOthers(passwordFile)) warnings.push(say.readableByOthers(passwordFile))
  }
  return { errors, warnings }
}
