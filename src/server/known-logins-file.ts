// Keeps what guard/known-logins.ts knows through a restart: `known-logins` in the data directory, written now and then
// by the main thread when something is new, and at the end. It is advice: without it, those who log in while somebody
// guesses at their account have to wait once.
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import { errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { KnownLogins } from '../guard/guard.ts'

const FILE = 'known-logins'
const EVERY_MS = 5 * 60_000
/** It never has more than this; what is larger is something else. */
const OCTETS_MAX = 1024 * 1024

export class KnownLoginsFile {
  readonly #options: { data: string; known: KnownLogins; disk: Disk; clock: Clock; log: Log }
  #cancel = () => {}
  #kept = 0

  constructor(options: { data: string; known: KnownLogins; disk: Disk; clock: Clock; log: Log }) {
    this.#options = options
  }

  /** Once this process owns the data. */
  open(): void {
    const { data, known, disk, log } = this.#options
    const path = join(data, FILE)
    try {
      if ((disk.facts(path)?.sizeOctets ?? Infinity) <= OCTETS_MAX) known.take(disk.readWhole(path))
    } catch (error) {
      log.warn('from where people have logged in before cannot be read', { error: errorSentence(error) })
    }
    this.#kept = known.changes
    this.#later()
  }

  close(): void {
    this.#cancel()
    this.#keep()
  }

  #later(): void {
    this.#cancel = this.#options.clock.after(EVERY_MS, () => {
      this.#keep()
      this.#later()
    })
  }

  #keep(): void {
    const { data, known, disk, log } = this.#options
    const { changes } = known
    if (changes === this.#kept) return
    try {
      disk.writeWhole(join(data, FILE), known.print(), { mode: 0o600 })
      this.#kept = changes
    } catch (error) {
      log.warn('from where people have logged in before cannot be written down', { error: errorSentence(error) })
    }
  }
}
