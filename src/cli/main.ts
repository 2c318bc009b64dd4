// Where the program begins: hands the real world to the command line and ends with its exit code.
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { concatBytes } from '../base/bytes.ts'
import { systemClock } from '../base/clock.ts'
import { realPath } from '../base/files.ts'
import { systemRandom } from '../base/random.ts'
import type { World } from './command.ts'
import { runCommandLine } from './run.ts'
import { isAlive } from './run-files.ts'
import type { Builder } from '../server/server-interface.ts'
import type { Channel } from '../server/supervisor-link.ts'
import type { ToServer } from '../server/supervisor-messages.ts'

const STANDARD_INPUT_OCTETS_MAX = 64 * 1024

async function readStandardInput(): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let octets = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    parts.push(chunk)
    octets += chunk.length
    if (octets > STANDARD_INPUT_OCTETS_MAX) break
  }
  return concatBytes(parts)
}

// Whatever this process makes is for its own user alone.
process.umask(0o077)

function channelToSupervisor(): Channel {
  return {
    send: (message) => {
      if (process.connected) process.send?.(message, undefined, {}, () => undefined)
    },
    onMessage: (call) => void process.on('message', (message) => call(message as ToServer)),
    onDisconnect: (call) => void process.once('disconnect', call),
  }
}

const packageFolder = join(dirname(realPath(fileURLToPath(import.meta.url))), '..', '..')

const world: World = {
  env: process.env,
  clock: systemClock,
  random: systemRandom,
  folder: process.cwd(),
  packageFolder,
  machineName: hostname(),
  pid: process.pid,
  program: { execPath: process.execPath, execArgv: process.execArgv, main: realPath(fileURLToPath(import.meta.url)), args: process.argv.slice(2) },
  channel: process.env['DARUMA_SUPERVISED'] === '1' && process.send !== undefined ? channelToSupervisor() : undefined,
  out: (words) => void process.stdout.write(words),
  err: (words) => void process.stderr.write(words),
  readStandardInput,
  onSignal(signal, call) {
    process.on(signal, call)
    return () => process.off(signal, call)
  },
  isAlive,
  exitNow: (code) => process.exit(code),
  // Loaded only when it is needed: a command that asks a running server answers without it.
  builder: async () => (await import(join(packageFolder, 'src', 'server.ts'))) as Builder,
}

// `daruma queue list | head` closes our output early: nothing to complain about.
process.stdout.on('error', () => process.exit(0))

process.exit(await runCommandLine(process.argv.slice(2), world))
