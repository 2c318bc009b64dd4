// Where log lines go: descriptor 2, written at once from whichever thread, so that the last words of a
// dying process are there. A reader that has gone away loses lines and nothing else.
import { writeSync } from 'node:fs'

export function stderrSink(line: string): void {
  try {
    writeSync(2, line)
  } catch {
    // EAGAIN or EPIPE: the log must never take the server down.
  }
}
