// Small things done to files outside the store: the config, passwords in files, pid and port files,
// sockets. Part of the one room that may use `node:fs`. The store itself uses base/disk.ts.
import * as fs from 'node:fs'
import { dirname, basename } from 'node:path'
import { type Parsed, errorCode, errorSentence, refuse, understood } from './errors.ts'

const SMALL_FILE_OCTETS_MAX = 4 * 1024 * 1024

/** A file that a person wrote. Its absence is that person's trouble, so it is answered, not thrown. */
export function readSmallFile(path: string): Parsed<Uint8Array> {
  try {
    const facts = fs.statSync(path)
    if (facts.isDirectory()) return refuse('is-directory', `${path} is a directory`)
    if (facts.size > SMALL_FILE_OCTETS_MAX) return refuse('too-large', `${path} is larger than ${SMALL_FILE_OCTETS_MAX} octets`)
    return understood(new Uint8Array(fs.readFileSync(path)))
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return refuse('no-such-file', `there is no file ${path}`)
    if (code === 'EACCES' || code === 'EPERM') return refuse('not-readable', `${path} may not be read by this user`)
    return refuse('read-failed', `${path} cannot be read: ${errorSentence(error)}`)
  }
}

/** May others than the owner read this file? For passwords and keys. False when it cannot be told. */
export function isReadableByOthers(path: string): boolean {
  const facts = fs.statSync(path, { throwIfNoEntry: false })
  return facts !== undefined && (facts.mode & 0o077) !== 0
}

export function setMode(path: string, mode: number): void {
  fs.chmodSync(path, mode)
}

export function removeIfThere(path: string): void {
  fs.rmSync(path, { force: true })
}

/** A path with all symbolic links followed, or itself when it is not there. */
export function realPath(path: string): string {
  try {
    return fs.realpathSync(path)
  } catch {
    return path
  }
}

/** What the kernel allows for the name of a Unix socket, the final NUL not counted (107 on Linux, 103 elsewhere). */
const SOCKET_PATH_OCTETS_MAX = 103

/**
 * Calls `act` with a name for the socket that the kernel takes: a long path is shortened by stepping
 * into its folder for the moment. `act` must bind or connect before it returns. Main thread only.
 */
export function withSocketName<T>(path: string, act: (name: string) => T): T {
  if (Buffer.byteLength(path) <= SOCKET_PATH_OCTETS_MAX) return act(path)
  const before = process.cwd()
  process.chdir(dirname(path))
  try {
    return act(basename(path))
  } finally {
    process.chdir(before)
  }
}

/** Calls `act` with files made readable by nobody else (umask 177: no x either). Main thread only. */
export function madePrivate<T>(act: () => T): T {
  const before = process.umask(0o177)
  try {
    return act()
  } finally {
    process.umask(before)
  }
}
