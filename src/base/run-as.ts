// Becoming another user of this machine, for good. Main thread only; it holds for all threads.
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { type Parsed, errorSentence, refuse, understood } from './errors.ts'

export interface UserIds {
  readonly uid: number
  readonly gid: number
  /** All groups of the user, its own included. */
  readonly groups: readonly number[]
}

export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/** Asks the machine (`id`), so that directories of users other than /etc/passwd count as well. */
export function lookUpUser(name: string): Parsed<UserIds> {
  try {
    const ask = (what: string) => execFileSync('id', [what, '--', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 }).trim().split(/\s+/).map(Number)
    const [uid, gid, groups] = [ask('-u')[0], ask('-g')[0], ask('-G')]
    if (uid !== undefined && gid !== undefined && [uid, gid, ...groups].every(Number.isSafeInteger)) return understood({ uid, gid, groups })
    return refuse('no-such-user', `this machine knows no user "${name}"`)
  } catch {
    return refuse('no-such-user', `this machine knows no user "${name}"`)
  }
}

/** Gives up root: groups, group, user, in this order. Does nothing when it is not root. There is no way back. */
export function becomeUser(name: string): Parsed<UserIds> {
  const ids = lookUpUser(name)
  if (!ids.ok || !isRoot()) return ids
  try {
    process.setgroups?.([...ids.value.groups])
    process.setgid?.(ids.value.gid)
    process.setuid?.(ids.value.uid)
    return ids
  } catch (error) {
    return refuse('cannot-become', `cannot become the user "${name}": ${errorSentence(error)}`)
  }
}

/** Root working on somebody's data becomes that somebody, so that nothing is left there that only root may touch. */
export function becomeOwnerOf(path: string): void {
  const facts = fs.statSync(path, { throwIfNoEntry: false })
  if (!isRoot() || !facts || facts.uid === 0) return
  process.setgroups?.([facts.gid])
  process.setgid?.(facts.gid)
  process.setuid?.(facts.uid)
}

/** Makes a private folder that belongs to `ids`, and what is missing above it. One that is there already is left as it is. */
export function makeFolderFor(path: string, ids: Pick<UserIds, 'uid' | 'gid'>): void {
  if (fs.existsSync(path)) return
  if (dirname(path) !== path) makeFolderFor(dirname(path), ids)
  fs.mkdirSync(path, { mode: 0o700 })
  fs.chownSync(path, ids.uid, ids.gid)
}
