// One complete command, as the framer gives it, to a `TaggedCommand`. Never throws on input: what is not
// understood is a refusal that carries the tag, if there is one, for the BAD. APPEND is not here: its
// message streams, see parse-append.ts.
import { latin1Of, textOf } from '../../base/bytes.ts'
import { refuse } from '../../base/errors.ts'
import type { Refused, Understood } from '../../base/errors.ts'
import type { Command, TaggedCommand } from './command.ts'
import { Cursor, GrammarError } from './cursor.ts'
import { takeFetch } from './parse-fetch.ts'
import { takeList } from './parse-list.ts'
import { takeSearch } from './parse-search.ts'
import { takeSelect } from './parse-select.ts'
import { takeStatus } from './parse-status.ts'
import { takeFlagList, takeStore } from './parse-store.ts'
import { takeSequenceSet } from './sequence-set.ts'
import { takeMailbox } from './take-mailbox.ts'

export interface ParseOptions {
  /** ENABLE UTF8=ACCEPT is on: mailbox names are UTF-8. */
  utf8: boolean
}

export type ParsedCommand = Understood<TaggedCommand> | (Refused & { tag: string | undefined })

/** RFC 2971 §3.3: at most 30 fields. */
const ID_FIELDS_MAX = 30

export function parseCommand(bytes: Uint8Array, options: ParseOptions): ParsedCommand {
  const cursor = new Cursor(bytes)
  let tag: string | undefined
  try {
    const taken = cursor.takeTag()
    if (cursor.peek() !== 0x20) return { ...refuse('syntax', 'a command is a tag, a space and a word'), tag: undefined }
    tag = taken
    cursor.takeSpace()
    const command = takeCommand(cursor, cursor.takeWord(), options.utf8)
    cursor.takeEnd()
    return { ok: true, value: { tag, command } }
  } catch (error) {
    if (error instanceof GrammarError) return { ...refuse(error.code, error.message), tag }
    throw error
  }
}

function takeCommand(cursor: Cursor, word: string, utf8: boolean): Command {
  switch (word) {
    case 'CAPABILITY': case 'NOOP': case 'LOGOUT': case 'STARTTLS': case 'CHECK': case 'CLOSE': case 'UNSELECT': case 'NAMESPACE': case 'IDLE':
      return { name: word }
    case 'EXPUNGE': return { name: word, set: undefined }
    case 'UID': {
      cursor.takeSpace()
      return takeUidCommand(cursor, cursor.takeWord(), utf8)
    }
  }
  cursor.takeSpace()
  switch (word) {
    case 'LOGIN': {
      const user = cursor.takeAstring()
      cursor.takeSpace()
      return { name: word, user, password: cursor.takeAstring() }
    }
    case 'AUTHENTICATE': {
      // An atom by the grammar; some clients quote it.
      const mechanism = latin1Of(cursor.takeAstring()).toUpperCase()
      return { name: word, mechanism, initial: cursor.maybeSpace() ? takeBase64(cursor) : undefined }
    }
    case 'ID': return { name: word, fields: takeIdFields(cursor) }
    case 'ENABLE': {
      const capabilities = [cursor.takeWord()]
      while (cursor.maybeSpace()) capabilities.push(cursor.takeWord())
      return { name: word, capabilities }
    }
    case 'SELECT': case 'EXAMINE': return takeSelect(cursor, word, utf8)
    case 'CREATE': return takeCreate(cursor, utf8)
    case 'DELETE': case 'SUBSCRIBE': case 'UNSUBSCRIBE': return { name: word, mailbox: takeMailbox(cursor, utf8) }
    case 'RENAME': {
      const from = takeMailbox(cursor, utf8)
      cursor.takeSpace()
      return { name: word, from, to: takeMailbox(cursor, utf8) }
    }
    case 'LIST': case 'LSUB': return takeList(cursor, word, utf8)
    case 'STATUS': return takeStatus(cursor, utf8)
    case 'FETCH': return takeFetch(cursor, false)
    case 'SEARCH': return takeSearch(cursor, false)
    case 'STORE': return takeStore(cursor, false)
    case 'COPY': case 'MOVE': return takeCopy(cursor, word, false, utf8)
    default: return cursor.fail(`unknown command ${word}`, 'unknown-command')
  }
}

function takeUidCommand(cursor: Cursor, word: string, utf8: boolean): Command {
  cursor.takeSpace()
  switch (word) {
    case 'FETCH': return takeFetch(cursor, true)
    case 'SEARCH': return takeSearch(cursor, true)
    case 'STORE': return takeStore(cursor, true)
    case 'COPY': case 'MOVE': return takeCopy(cursor, word, true, utf8)
    case 'EXPUNGE': return { name: 'EXPUNGE', set: takeSequenceSet(cursor) }
    default: return cursor.fail(`unknown command UID ${word}`, 'unknown-command')
  }
}

function takeCopy(cursor: Cursor, name: 'COPY' | 'MOVE', uid: boolean, utf8: boolean): Command {
  const set = takeSequenceSet(cursor)
  cursor.takeSpace()
  return { name, uid, set, mailbox: takeMailbox(cursor, utf8) }
}

/** CREATE with the parameters of RFC 4466, of which USE (RFC 6154 §3) is known. */
function takeCreate(cursor: Cursor, utf8: boolean): Command {
  const mailbox = takeMailbox(cursor, utf8)
  const uses: string[] = []
  if (cursor.maybeSpace()) {
    cursor.takeList(() => {
      if (cursor.takeWord() !== 'USE') cursor.fail('unknown CREATE parameter')
      cursor.takeSpace()
      uses.push(...takeFlagList(cursor))
    })
  }
  return { name: 'CREATE', mailbox, uses }
}

function takeIdFields(cursor: Cursor): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  if (cursor.maybeWord('NIL')) return fields
  cursor.takeList(() => {
    const name = textOf(cursor.takeString())
    cursor.takeSpace()
    const value = cursor.takeNstring()
    if (fields.size >= ID_FIELDS_MAX) cursor.fail('too many ID fields')
    if (value) fields.set(name.toLowerCase(), textOf(value))
  })
  return fields
}

function takeBase64(cursor: Cursor): string {
  const from = cursor.at
  while (/[A-Za-z0-9+/=]/.test(String.fromCharCode(cursor.peek() & 0xff)) && !cursor.atEnd) cursor.at += 1
  if (cursor.at === from) cursor.fail('expected base64')
  return latin1Of(cursor.bytes.subarray(from, cursor.at))
}
