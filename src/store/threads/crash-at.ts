// For the torture: DARUMA_CRASH_AT="append-flush:after:3" kills the process (SIGKILL, as a crash would)
// when it comes by that point for the third time.
import { noCrashPoint, type CrashPoint } from '../journal/crash-point.ts'

export function crashPointAt(text: string | undefined): CrashPoint {
  const match = /^([a-z-]+:(?:before|after)):(\d+)$/.exec(text ?? '')
  if (!match) return noCrashPoint
  let left = Number(match[2])
  return (name) => {
    if (name !== match[1]) return
    left -= 1
    if (left === 0) process.kill(process.pid, 'SIGKILL')
  }
}
