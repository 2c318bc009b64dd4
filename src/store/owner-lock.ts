// One data directory has one owner. The lock is an exclusive transaction on `owner.db`, which the
// kernel drops when the process dies, however it dies. The file holds nothing else.
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { errorSentence, refuse, understood, type Parsed } from '../base/errors.ts'
import { nodeDisk } from '../base/disk.ts'

export interface OwnerLock {
  release(): void
}

/** Takes the lock or says who has it. Never waits. */
export function takeOwnerLock(dataDirectory: string): Parsed<OwnerLock> {
  nodeDisk.makeDirectory(dataDirectory)
  const path = join(dataDirectory, 'owner.db')
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: 0 })
    // No journal file: nothing is ever written, only locked.
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    const sentence = errorSentence(error)
    if (/locked|busy/i.test(sentence)) {
      return refuse('already-owned', `another Daruma is running on ${dataDirectory}: stop it first (daruma stop), or give this one a data directory of its own`)
    }
    return refuse('lock-failed', `cannot lock ${path}: ${sentence}`)
  }
  const held = database
  return understood({
    release() {
      if (!held.isOpen) return
      held.exec('ROLLBACK')
      held.close()
    },
  })
}
