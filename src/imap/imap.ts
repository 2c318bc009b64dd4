// The IMAP door: what the server builds it from, and how a connection is handed in. Everything else in this
// room is entered from here.
import type { ServerContexts } from '../net/server-contexts.ts'
import type { Connection } from '../net/connection.ts'
import { PartTrees } from './part-trees.ts'
import type { Peer } from './peer.ts'
import { Session } from './session.ts'
import { memoryBudget } from './services.ts'
import type { ImapServices } from './services.ts'
import { ViewKeeper } from './view-keeper.ts'

export type { ImapServices, LoginAnswer, Logins, MemoryBudget, ScramKeys } from './services.ts'

export interface ImapDoor {
  /** Takes over a connection: plain, or already under TLS. */
  accept(connection: Connection): void
  /** Sessions at this moment. */
  readonly sessions: number
  /** Says BYE to everybody and lets go of the store. */
  close(): void
}

export interface ImapDoorOptions extends Omit<ImapServices, 'views' | 'trees' | 'memory'> {
  /** For STARTTLS; without it none is offered. */
  readonly tls: ServerContexts | undefined
}

export function createImapDoor(options: ImapDoorOptions): ImapDoor {
  const views = new ViewKeeper(options.store)
  const services: ImapServices = { ...options, views, trees: new PartTrees(), memory: memoryBudget(options.limits.memory_message_octets_max) }
  const sessions = new Set<Session>()
  return {
    accept(connection) {
      if (sessions.size >= options.limits.imap_connections_max) {
        connection.end('* BYE [UNAVAILABLE] too many connections, try again later\r\n')
        return
      }
      const session = new Session(services, peerOf(connection, options.tls))
      sessions.add(session)
      connection.onClose = (reason) => {
        sessions.delete(session)
        session.close()
        if (reason.by === 'bug') options.log.error('an IMAP connection ended by a bug', { error: reason.sentence })
      }
      connection.onIdle = () => session.timeOut()
      connection.onShutdown = () => session.goodbyeSoon('the server goes away for a moment', 'UNAVAILABLE')
      session.greet()
      connection.receive({ onBytes: (chunk) => session.receive(chunk), discard: () => session.discard() })
    },
    get sessions() {
      return sessions.size
    },
    close() {
      for (const session of sessions) session.goodbyeSoon('the server goes away for a moment', 'UNAVAILABLE')
      views.close()
    },
  }
}

function peerOf(connection: Connection, tls: ServerContexts | undefined): Peer {
  return {
    get remoteAddress() {
      return connection.remoteAddress
    },
    get secure() {
      return connection.tls !== undefined
    },
    get isOpen() {
      return connection.isOpen
    },
    get canStartTls() {
      return tls !== undefined && connection.tls === undefined
    },
    write: (bytes) => connection.write(bytes),
    drained: () => connection.drained(),
    pause: () => connection.pause(),
    resume: () => connection.resume(),
    setIdle: (ms) => connection.setIdle(ms),
    startTls: async () => tls !== undefined && (await connection.startTls({ as: 'server', contexts: tls })).ok,
    channelBindings() {
      const facts = connection.tls
      const bindings = new Map<string, Uint8Array>()
      for (const name of facts?.bindings() ?? []) {
        const data = facts?.channelBinding(name)
        if (data) bindings.set(name, data)
      }
      return bindings
    },
    end: () => connection.end(),
  }
}
