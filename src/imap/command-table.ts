// Which command is allowed in which state, and who does it. A state's data is handed over with it. To add a
// command: its type in wire/imap/command.ts, its grammar in wire/imap/parse-command.ts, a file under commands/,
// and its line here.
import type { Command } from '../wire/imap/command.ts'
import type { Answer } from './answer.ts'
import type { Conversation } from './conversation.ts'
import type { SelectedMailbox, User } from './session-state.ts'
import { authenticate } from './commands/authenticate.ts'
import { login, startTls } from './commands/login.ts'
import { copyOrMove } from './commands/copy.ts'
import { expunge } from './commands/expunge.ts'
import { fetch } from './commands/fetch.ts'
import { idle } from './commands/idle.ts'
import { list, lsub } from './commands/list.ts'
import { createMailbox, deleteMailbox, renameMailbox, subscribe } from './commands/mailboxes.ts'
import { search } from './commands/search.ts'
import { close, select } from './commands/select.ts'
import { capability, enable, id, logout, namespace, noop } from './commands/small.ts'
import { status } from './commands/status.ts'
import { store } from './commands/store.ts'

export type CommandOf<N extends Command['name']> = Command extends infer C ? (C extends { readonly name: infer M } ? (N extends M ? C : never) : never) : never

/** 'goes-on': the command has taken over the client's lines (`converse`) and is answered later. */
type End = Answer | 'goes-on'

type Entry<C> =
  | { readonly when: 'any' | 'not-authenticated'; run(talk: Conversation, command: C): Promise<End> | End }
  | { readonly when: 'authenticated'; run(talk: Conversation, user: User, command: C): Promise<End> | End }
  | {
      readonly when: 'selected'
      run(talk: Conversation, selected: SelectedMailbox, command: C): Promise<Answer>
      /** No EXPUNGE may be sent while this is answered, since it speaks of sequence numbers (RFC 3501 §7.4.1). */
      holdsExpunges?(command: C): boolean
    }

type Table = { readonly [N in Command['name']]: Entry<CommandOf<N>> }

const byNumber = (command: { readonly uid: boolean }) => !command.uid

export const commandTable: Table = {
  CAPABILITY: { when: 'any', run: capability },
  NOOP: { when: 'any', run: noop },
  LOGOUT: { when: 'any', run: logout },
  ID: { when: 'any', run: id },
  STARTTLS: { when: 'not-authenticated', run: startTls },
  LOGIN: { when: 'not-authenticated', run: login },
  AUTHENTICATE: { when: 'not-authenticated', run: authenticate },
  ENABLE: { when: 'authenticated', run: enable },
  SELECT: { when: 'authenticated', run: select },
  EXAMINE: { when: 'authenticated', run: select },
  CREATE: { when: 'authenticated', run: createMailbox },
  DELETE: { when: 'authenticated', run: deleteMailbox },
  RENAME: { when: 'authenticated', run: renameMailbox },
  SUBSCRIBE: { when: 'authenticated', run: subscribe },
  UNSUBSCRIBE: { when: 'authenticated', run: subscribe },
  LIST: { when: 'authenticated', run: list },
  LSUB: { when: 'authenticated', run: lsub },
  STATUS: { when: 'authenticated', run: status },
  NAMESPACE: { when: 'authenticated', run: namespace },
  IDLE: { when: 'authenticated', run: idle },
  CHECK: { when: 'selected', run: noop },
  CLOSE: { when: 'selected', run: close },
  UNSELECT: { when: 'selected', run: close },
  EXPUNGE: { when: 'selected', run: expunge },
  SEARCH: { when: 'selected', run: search, holdsExpunges: byNumber },
  FETCH: { when: 'selected', run: fetch, holdsExpunges: byNumber },
  STORE: { when: 'selected', run: store, holdsExpunges: byNumber },
  COPY: { when: 'selected', run: copyOrMove },
  MOVE: { when: 'selected', run: copyOrMove },
}

/** The table's line for a command. Its name and its type belong together, which the compiler cannot see from here. */
export function entryFor(command: Command): Entry<Command> {
  return commandTable[command.name] as Entry<Command>
}
