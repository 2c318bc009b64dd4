// The list of addresses as it is on the disk, looked at again when somebody asks and a moment has passed. While it
// cannot be read nothing is known, and everybody is put off.
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Disk } from '../../base/disk.ts'
import { errorSentence } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { judgeAtDoor, parseDoorList, type DoorList } from '../../intake/door-list.ts'
import type { Reply } from '../../wire/smtp/reply.ts'
import { pausedReply, replies } from './replies.ts'

// As in intake/door-file.ts, which writes them and is not loaded here.
const DOOR_FILE = 'door.json'
const DOOR_STALE_FILE = 'door.stale'
const LOOK_MS = 1000

export class DoorWatch {
  readonly #options: { directory: string; disk: Disk; clock: Clock; log: Log }
  #list: DoorList | undefined
  #stale = false
  #seen = ''
  #lookedMs = -Infinity

  constructor(options: { directory: string; disk: Disk; clock: Clock; log: Log }) {
    this.#options = options
  }

  /** Why mail for this address is not taken; undefined when it is. */
  judge(address: string): Reply | undefined {
    this.look()
    if (!this.#list) return replies.noList
    switch (judgeAtDoor(this.#list, address)) {
      case 'take': return undefined
      case 'defer': return replies.notTakenNow
      case 'elsewhere': return replies.elsewhere
      case 'unknown-user': return this.#stale ? replies.perhapsNew : replies.unknownUser
    }
  }

  /** Why no mail is taken now, whoever it is for: an operator has asked for it. */
  paused(): Reply | undefined {
    this.look()
    const pause = this.#list?.pause
    if (!pause || (pause.untilMs !== undefined && pause.untilMs <= this.#options.clock.nowMs())) return undefined
    return pausedReply(pause.words)
  }

  look(): void {
    const { directory, disk, clock, log } = this.#options
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#lookedMs < LOOK_MS) return
    this.#lookedMs = nowMs
    const path = join(directory, DOOR_FILE)
    try {
      this.#stale = disk.exists(join(directory, DOOR_STALE_FILE))
      const facts = disk.facts(path)
      const seen = facts ? `${facts.modifiedMs} ${facts.sizeOctets}` : ''
      if (seen === this.#seen) return
      this.#seen = seen
      this.#list = undefined
      if (!facts) return log.warn('there is no list of addresses: everybody is put off', { path })
      const parsed = parseDoorList(disk.readWhole(path))
      if (!parsed.ok) return log.warn('the list of addresses cannot be used: everybody is put off', { path, reason: parsed.reason })
      this.#list = parsed.value
      log.debug('the list of addresses was read', { written: new Date(parsed.value.writtenMs).toISOString(), domains: parsed.value.domains.size })
    } catch (error) {
      this.#list = undefined
      this.#seen = '?'
      log.warn('the list of addresses cannot be read: everybody is put off', { path, error: errorSentence(error) })
    }
  }
}
