// For tests: the mails of other people's suites, read where they lie (DARUMA_SUITES, or ../shared/suites beside
// the repository). Nothing of them is copied. Where the folder is absent the tests are skipped by name.
import { fileURLToPath } from 'node:url'
import { nodeDisk } from '../../base/disk.ts'

export const suitesFolder = process.env['DARUMA_SUITES'] ?? fileURLToPath(new URL('../../../../shared/suites', import.meta.url))

/** For `test(name, { skip })`. */
export const skipWithoutSuites: string | false = nodeDisk.exists(suitesFolder) ? false : 'shared suites are absent'

export interface SuiteMail {
  name: string
  bytes: Uint8Array
}

const FOLDERS = ['mail-parser', 'mime4j', 'mimekit', 'ruby-mail', 'python-email', 'james-eml', 'james-samples', 'cassandane-mime', 'postfix-mime', 'mox', 'dkim', 'mbox-maildir', 'reports', 'hard-cases', 'arc']
const NOT_MAIL = /\.(?:json|ya?ml|xml|md|html?|png|rtf|tnef|dat|list|gz|zip|pub|bind9|tinydns)$|COPYING|LICENSE|README/

export function suiteMails(): SuiteMail[] {
  return FOLDERS.flatMap((folder) => filesIn(folder)).filter((name) => !NOT_MAIL.test(name))
    .map((name) => ({ name, bytes: nodeDisk.readWhole(`${suitesFolder}/${name}`) }))
}

export function suiteFile(name: string): Uint8Array {
  return nodeDisk.readWhole(`${suitesFolder}/${name}`)
}

function filesIn(folder: string): string[] {
  const path = `${suitesFolder}/${folder}`
  if (!nodeDisk.facts(path)?.isDirectory) return []
  return nodeDisk.list(path).flatMap((name) => (nodeDisk.facts(`${path}/${name}`)?.isDirectory ? filesIn(`${folder}/${name}`) : [`${folder}/${name}`]))
}
