// Asks a running server, or supervisor, through its control socket. Says plainly when none is there.
import { type Socket, connect } from 'node:net'
import { Outage, errorCode, errorSentence } from '../base/errors.ts'
import { withSocketName } from '../base/files.ts'
import { ANSWER_OCTETS_MAX, type Answer, LineGatherer, parseAnswer, printLine } from '../admin/admin.ts'

export type Asked =
  | { at: 'answered'; answer: Answer<unknown> }
  /** Nobody listens: no socket, or one that a dead server left behind. */
  | { at: 'nobody' }
  /** The server went away before it answered: whether it acted is not known. */
  | { at: 'cut-off' }

/** One request, one answer. Throws an `Outage` when the socket is there and may not be used. */
export async function askServer(path: string, command: string, args: unknown): Promise<Asked> {
  const socket = await connectTo(path)
  if (!socket) return { at: 'nobody' }
  return new Promise<Asked>((resolve, reject) => {
    const gatherer = new LineGatherer(ANSWER_OCTETS_MAX)
    const end = (asked: Asked) => {
      socket.destroy()
      resolve(asked)
    }
    socket.on('data', (chunk: Buffer) => {
      const lines = gatherer.take(chunk)
      const line = lines?.[0]
      if (lines && line === undefined) return
      const answer = line && parseAnswer(line)
      if (answer?.ok) return end({ at: 'answered', answer: answer.value })
      socket.destroy()
      reject(new Outage('the server gave an answer that cannot be read: is it of another version?', { operation: 'control', path }))
    })
    socket.on('error', () => end({ at: 'cut-off' }))
    socket.on('close', () => end({ at: 'cut-off' }))
    socket.write(printLine({ command, args }))
  })
}

function connectTo(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    let socket: Socket
    const onError = (error: unknown) => {
      const code = errorCode(error)
      if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') return resolve(undefined)
      reject(new Outage(`control socket ${path}: ${errorSentence(error)}`, {
        operation: 'connect', path, ...(code ? { code } : {}), cause: error,
        ...(code === 'EACCES' ? { hint: 'run this command as the user who runs the server, or as root' } : {}),
      }))
    }
    try {
      socket = withSocketName(path, (name) => connect({ path: name }))
    } catch (error) {
      // The folder of a long path may be missing.
      return onError(error)
    }
    socket.once('error', onError)
    socket.once('connect', () => {
      socket.off('error', onError)
      resolve(socket)
    })
  })
}
