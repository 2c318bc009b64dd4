// LIST and LSUB (RFC 3501 §6.3.8, §6.3.9), LIST's extensions (RFC 5258, 5819, 6154), CHILDREN (RFC 3348).
import type { MailboxRow } from '../../store/store.ts'
import type { Command } from '../../wire/imap/command.ts'
import { canonicalMailboxName } from '../../wire/imap/mailbox-name.ts'
import { matchesMailbox } from '../../wire/imap/list-pattern.ts'
import { ok } from '../answer.ts'
import type { Answer } from '../answer.ts'
import type { Conversation } from '../conversation.ts'
import { ATTRIBUTES } from '../special-use.ts'
import type { User } from '../session-state.ts'
import { FairShare } from '../turn.ts'
import { tellStatus } from './status.ts'

/** A name that can be listed: a mailbox, or only a level above one, or only a subscription. */
interface Listed {
  row: MailboxRow | undefined
  hasChildren: boolean
  subscribed: boolean
  /** A name below it is subscribed that is not itself asked for (RFC 5258 §3.5: such ones speak for themselves). */
  subscribedBelow: boolean
}

export async function list(talk: Conversation, user: User, command: Extract<Command, { name: 'LIST' | 'LSUB' }>): Promise<Answer> {
  const { out, enabled } = talk
  if (!command.extended && command.patterns[0] === '') {
    out.text('* LIST (\\Noselect) "/" ""\r\n') // the separator is asked for
    return ok('done')
  }
  const wantsSubscribed = command.selection.has('SUBSCRIBED')
  const showsSubscribed = wantsSubscribed || command.returns.has('SUBSCRIBED')
  const isAsked = (name: string) => command.patterns.some((pattern) => matchesMailbox(command.reference + pattern, name))
  const names = await allNames(user, showsSubscribed, isAsked)
  const showsChildren = !command.extended || command.returns.has('CHILDREN') || !wantsSubscribed
  const share = new FairShare(() => talk.services.clock.monotonicMs())
  for (const [name, listed] of names) {
    await share.pause()
    if (!isAsked(name)) continue
    if (wantsSubscribed && !listed.subscribed && !(command.selection.has('RECURSIVEMATCH') && listed.subscribedBelow)) continue
    if (!wantsSubscribed && !listed.row && !listed.hasChildren) continue // only a subscription, which nobody asked for
    const use = listed.row?.role ? ATTRIBUTES.get(listed.row.role) : undefined
    if (command.selection.has('SPECIAL-USE') && !use) continue
    const attributes: string[] = []
    if (!listed.row) attributes.push(command.extended ? '\\NonExistent' : '\\Noselect')
    else if (!listed.row.selectable) attributes.push('\\Noselect')
    if (showsChildren) attributes.push(listed.hasChildren ? '\\HasChildren' : '\\HasNoChildren')
    if (use) attributes.push(use)
    if (showsSubscribed && listed.subscribed) attributes.push('\\Subscribed')
    out.text(`* LIST (${attributes.join(' ')}) "/" `).mailbox(name, enabled.utf8)
    if (command.selection.has('RECURSIVEMATCH') && listed.subscribedBelow) out.text(' ("CHILDINFO" ("SUBSCRIBED"))')
    out.end()
    if (command.status.length > 0 && listed.row?.selectable) await tellStatus(talk, user, listed.row, command.status)
    await talk.breathe()
  }
  return ok('done')
}

/** Every name with the levels above it, INBOX first, then in order. */
async function allNames(user: User, withSubscriptions: boolean, isAsked: (name: string) => boolean): Promise<Map<string, Listed>> {
  const names = new Map<string, Listed>()
  const at = (name: string): Listed => {
    let listed = names.get(name)
    if (!listed) names.set(name, listed = { row: undefined, hasChildren: false, subscribed: false, subscribedBelow: false })
    return listed
  }
  for (const row of await user.reader.mailboxes()) {
    at(row.name).row = row
    for (const above of levelsAbove(row.name)) at(above).hasChildren = true
  }
  if (withSubscriptions) {
    for (const name of await user.reader.subscriptions()) {
      at(name).subscribed = true
      if (!isAsked(name)) for (const above of levelsAbove(name)) at(above).subscribedBelow = true
    }
  }
  return new Map([...names].sort(([a], [b]) => (a === 'INBOX' ? -1 : b === 'INBOX' ? 1 : a < b ? -1 : a > b ? 1 : 0)))
}

function levelsAbove(name: string): string[] {
  const levels: string[] = []
  for (let slash = name.indexOf('/'); slash > 0; slash = name.indexOf('/', slash + 1)) levels.push(name.slice(0, slash))
  return levels
}

export async function lsub(talk: Conversation, user: User, command: Extract<Command, { name: 'LIST' | 'LSUB' }>): Promise<Answer> {
  const { out, enabled } = talk
  const pattern = command.reference + command.patterns[0]!
  if (command.patterns[0] === '') {
    out.text('* LSUB (\\Noselect) "/" ""\r\n')
    return ok('done')
  }
  const rows = new Map((await user.reader.mailboxes()).map((row) => [row.name, row]))
  const shown = new Map<string, boolean>()
  const share = new FairShare(() => talk.services.clock.monotonicMs())
  for (const subscribed of await user.reader.subscriptions()) {
    await share.pause()
    const name = canonicalMailboxName(subscribed)
    if (matchesMailbox(pattern, name)) shown.set(name, true)
    // RFC 3501 §6.3.9: with "%", a level above a subscribed name is shown as \Noselect.
    else if (pattern.includes('%')) {
      for (const above of levelsAbove(name)) if (!shown.has(above) && matchesMailbox(pattern, above)) shown.set(above, false)
    }
  }
  for (const [name, subscribed] of [...shown].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const row = rows.get(name)
    const attribute = !subscribed || (row && !row.selectable) ? '\\Noselect' : ''
    out.text(`* LSUB (${attribute}) "/" `).mailbox(name, enabled.utf8).end()
    await talk.breathe()
  }
  return ok('done')
}
