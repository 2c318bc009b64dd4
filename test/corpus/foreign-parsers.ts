// What other people's programs make of the mails: imapflow and Perl's Mail::IMAPClient read the server's ENVELOPE and
// BODYSTRUCTURE; Python's email package and mail-parser (whose answers lie beside its mails) read the mails themselves.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ImapFlow, type MessageStructureObject } from 'imapflow'
import { suiteFile } from '../../src/message/testing/suite-mails.ts'
import { password, type MailRoom } from './mail-room.ts'

export interface Tree {
  type: string
  subtype: string
  children: Tree[]
  /** A part that may as well be shown as text/plain or application/octet-stream. */
  odd?: string
}

export interface ReadMail {
  uid: number
  tree?: Tree
  envelope?: { subject?: string; message_id?: string; from: number; to: number }
}

export async function readByImapflow(room: MailRoom): Promise<Map<number, ReadMail>> {
  const client = new ImapFlow({
    host: '127.0.0.1', port: room.server.ports.imap, secure: false, doSTARTTLS: false, auth: { user: room.address, pass: password }, logger: false,
  })
  await client.connect()
  const read = new Map<number, ReadMail>()
  await client.mailboxOpen('INBOX')
  for await (const { uid, envelope, bodyStructure } of client.fetch('1:*', { uid: true, envelope: true, bodyStructure: true })) {
    read.set(uid, {
      uid,
      ...(bodyStructure ? { tree: treeOf(bodyStructure) } : {}),
      ...(envelope ? {
        envelope: {
          subject: envelope.subject ?? '', message_id: envelope.messageId ?? '', from: envelope.from?.length ?? 0, to: envelope.to?.length ?? 0,
        },
      } : {}),
    })
  }
  await client.logout()
  return read
}

function treeOf({ type, childNodes }: MessageStructureObject): Tree {
  const slash = type.indexOf('/')
  return { type: type.slice(0, slash), subtype: type.slice(slash + 1), children: (childNodes ?? []).map(treeOf) }
}

/** Runs one of the scripts beside this file on the room's INBOX. */
export async function readByScript(program: 'perl' | 'python3', script: string, room: MailRoom): Promise<Map<number, ReadMail>> {
  const child = spawn(program, [join(import.meta.dirname, script), String(room.server.ports.imap), room.address, password])
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`${script} ended with ${code}:\n${Buffer.concat(err).toString()}`)
  const lines = Buffer.concat(out).toString().trimEnd().split('\n').map((line) => JSON.parse(line) as ReadMail)
  return new Map(lines.map((line) => [line.uid, line]))
}

/** mail-parser's answer for one of its own mails. Its parts are numbered from 0; it has no subtype where the default is meant. */
export function readByMailParser(name: string): Tree | undefined {
  if (!/^mail-parser\/.*\.eml$/.test(name)) return undefined
  return partOf(JSON.parse(Buffer.from(suiteFile(name.replace(/eml$/, 'json'))).toString()) as ParsedMail, 0)
}

interface ParsedMail {
  parts: { headers: { name: unknown; value: unknown }[]; body: Record<string, unknown> }[]
}

function partOf(mail: ParsedMail, number: number): Tree {
  const part = mail.parts[number]
  if (!part) throw new RangeError(`no part ${number}`)
  const value = part.headers.findLast(({ name }) => name === 'content_type')?.value as { ContentType?: { c_type: string; c_subtype: string | null } } | undefined
  const type = value?.ContentType?.c_type.toLowerCase() ?? 'text'
  const subtype = value?.ContentType?.c_subtype?.toLowerCase() ?? 'plain'
  const inside = part.body['Message'] as ParsedMail | undefined
  const numbers = (part.body['Multipart'] ?? []) as number[]
  if (type === 'multipart' && numbers.length === 0) return { type: 'text', subtype: 'plain', children: [] }
  if (type === 'message' && subtype === 'rfc822' && inside) return { type, subtype, children: [partOf(inside, 0)] }
  return { type, subtype, children: numbers.map((child) => partOf(mail, child)) }
}

export function sameTree(ours: Tree, theirs: Tree): boolean {
  if (theirs.odd !== undefined && ours.children.length === 0 && /^(?:text\/plain|application\/octet-stream)$/.test(`${ours.type}/${ours.subtype}`)) return true
  return ours.type === theirs.type && ours.subtype === theirs.subtype && ours.children.length === theirs.children.length
    && ours.children.every((child, i) => sameTree(child, theirs.children[i] as Tree))
}

export function shown({ type, subtype, children }: Tree): string {
  return `${type}/${subtype}${children.length > 0 ? `(${children.map(shown).join(' ')})` : ''}`
}
