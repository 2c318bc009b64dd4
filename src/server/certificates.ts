// The certificate that the doors show: the operator's files, or one that vouches for itself, made at the
// first start and kept in the data directory, so that clients which were told to trust it go on trusting it.
import { join } from 'node:path'
import { bytesOf } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { nodeDisk } from '../base/disk.ts'
import type { Parsed } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { Config } from '../config/config.ts'
import { makeSelfSigned } from '../net/self-signed.ts'
import { readCertificates, type CertificatePair } from '../net/server-contexts.ts'

export function loadCertificates(config: Config, { clock, random }: { clock: Clock; random: Random }): Parsed<CertificatePair[]> {
  if (config.tls) return readCertificates(nodeDisk, [config.tls])
  const folder = join(config.data, 'tls')
  const files = { certificate: join(folder, 'self-signed.crt'), key: join(folder, 'self-signed.key') }
  if (!nodeDisk.exists(files.certificate) || !nodeDisk.exists(files.key)) {
    nodeDisk.makeDirectory(folder)
    const made = makeSelfSigned([config.hostname, 'localhost', '127.0.0.1', '::1'], { clock, random })
    nodeDisk.writeWhole(files.key, bytesOf(made.keyPem))
    nodeDisk.writeWhole(files.certificate, bytesOf(made.certificatePem), { mode: 0o644 })
  }
  return readCertificates(nodeDisk, [files])
}
