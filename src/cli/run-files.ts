// Small files that say where a running server is: its process id and its real ports. For people and
// scripts; the lock on the data directory is what counts.
import { join } from 'node:path'
import { bytesOf } from '../base/bytes.ts'
import { nodeDisk } from '../base/disk.ts'
import { removeIfThere } from '../base/files.ts'
import type { ListenerFacts } from '../admin/admin.ts'

export const PID_FILE = 'daruma.pid'
export const PORTS_FILE = 'ports.json'

export function writeRunFiles(data: string, pid: number, listeners: readonly ListenerFacts[]): void {
  nodeDisk.writeWhole(join(data, PID_FILE), bytesOf(`${pid}\n`))
  const ports: Record<string, number> = {}
  // A door with several addresses shows the port of its first.
  for (const { door, port } of listeners) ports[door] ??= port
  nodeDisk.writeWhole(join(data, PORTS_FILE), bytesOf(`${JSON.stringify(ports, undefined, 2)}\n`))
}

export function removeRunFiles(data: string): void {
  removeIfThere(join(data, PID_FILE))
  removeIfThere(join(data, PORTS_FILE))
}

/** Is there a process of this number? */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return typeof error === 'object' && error !== null && 'code' in error && error.code === 'EPERM'
  }
}
