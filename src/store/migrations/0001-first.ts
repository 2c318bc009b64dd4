// The first shape of the databases. Nothing in them is ever deleted by an operation: rows are retired with a
// time (and, where clients see them go, a modseq) and stay for the undelete window.
//
// Times are milliseconds since 1970 of the record that caused them, never of the clock at applying.
import type { Migration, Table } from '../schema.ts'

/** How far a database has come: one row for each database. */
const position: Table = {
  name: 'position',
  columns: ['database_id bigint', 'epoch bigint', 'sequence bigint'],
  key: ['database_id'],
}

/** Reports and replies that are owed; each becomes a record whose origin is (database_id, position, n). */
const outbox: Table = {
  name: 'outbox',
  columns: ['database_id bigint', 'position bigint', 'n bigint', 'created_ms bigint', 'report text', 'done_ms bigint?'],
  key: ['database_id', 'position', 'n'],
  indexes: [{ name: 'outbox_open', columns: ['database_id', 'position', 'n'], where: 'done_ms is null' }],
}

/** Origins whose record was applied: the second one is ignored. */
const originSeen: Table = {
  name: 'origin_seen',
  columns: ['database_id bigint', 'origin_database bigint', 'origin_position bigint', 'origin_n bigint'],
  key: ['database_id', 'origin_database', 'origin_position', 'origin_n'],
}

const directory: readonly Table[] = [
  position,
  // `changed` is the sequence of the record that last touched the row: doors load what is newer than what they hold.
  {
    name: 'domain',
    columns: ['name text', 'catch_all text?', 'changed bigint', 'retired_ms bigint?'],
    key: ['name'],
    indexes: [{ name: 'domain_changed', columns: ['changed'] }],
  },
  {
    name: 'account',
    columns: [
      'account bigint', 'address text', 'address_key text', 'domain text', 'suspended bigint', 'octets_max bigint?',
      'argon2 text', 'scram text?', 'created_ms bigint', 'changed bigint', 'retired_ms bigint?',
    ],
    key: ['account'],
    indexes: [
      { name: 'account_address', columns: ['address_key'], unique: true, where: 'retired_ms is null' },
      { name: 'account_domain', columns: ['domain'], where: 'retired_ms is null' },
      { name: 'account_changed', columns: ['changed'] },
    ],
  },
  {
    name: 'alias',
    columns: ['address_key text', 'address text', 'domain text', 'targets text', 'changed bigint', 'retired_ms bigint?'],
    key: ['address_key'],
    indexes: [
      { name: 'alias_domain', columns: ['domain'], where: 'retired_ms is null' },
      { name: 'alias_changed', columns: ['changed'] },
    ],
  },
  {
    name: 'setting',
    columns: ['name text', 'value text?', 'changed bigint'],
    key: ['name'],
    indexes: [{ name: 'setting_changed', columns: ['changed'] }],
  },
]

const queue: readonly Table[] = [
  position, outbox, originSeen,
  // How long servers have lived on this store, all together, by their ticks.
  { name: 'lived', columns: ['database_id bigint', 'minutes bigint'], key: ['database_id'] },
  // What all recipients of one arrival share.
  {
    name: 'work_arrival',
    columns: [
      'arrival bigint', 'sender text', 'envid text?', 'ret text?', 'smtputf8 bigint', 'body_type text', 'octets bigint',
      'relay_prefix bytes', 'submitter bigint?', 'message_id text?', 'created_ms bigint', 'lived_minutes bigint',
    ],
    key: ['arrival'],
    rowNumber: 'arrival',
  },
  {
    name: 'work',
    columns: [
      'arrival bigint', 'n bigint', 'recipient text', 'domain text', 'notify text?', 'orcpt text?', 'state text', 'due_ms bigint',
      'attempts bigint', 'last_attempt_ms bigint?', 'last_reply text?', 'last_remote text?', 'delay_notified bigint', 'ended_ms bigint?',
    ],
    key: ['arrival', 'n'],
    indexes: [
      // With the domain, so that a crowd waiting for one destination is passed over without looking at its rows.
      { name: 'work_due', columns: ['due_ms', 'arrival', 'n', 'domain'], where: "state = 'waiting'" },
      { name: 'work_open', columns: ['arrival', 'n'], where: 'ended_ms is null' },
    ],
  },
]

// `account` comes first in every key: the same rows stand in one PostgreSQL database, many accounts together.
const account: readonly Table[] = [
  position, outbox, originSeen,
  // One row: the counters of the account.
  {
    name: 'meta',
    columns: [
      'account bigint', 'modseq bigint', 'inbox bigint', 'next_mailbox bigint', 'last_uid_validity bigint',
      'octets bigint', 'messages bigint', 'octets_max bigint?', 'opened_ms bigint',
    ],
    key: ['account'],
  },
  // `running` is a hash of every number handed out in the mailbox (running.ts); facts records compare it.
  {
    name: 'mailbox',
    columns: [
      'account bigint', 'mailbox bigint', 'name text', 'role text?', 'selectable bigint', 'uid_validity bigint', 'uid_next bigint',
      'highest_modseq bigint', 'total bigint', 'unseen bigint', 'deleted bigint', 'octets bigint', 'running bigint',
      'created_ms bigint', 'retired_ms bigint?', 'retired_modseq bigint?',
    ],
    key: ['account', 'mailbox'],
    indexes: [{ name: 'mailbox_name', columns: ['account', 'name'], unique: true, where: 'retired_ms is null' }],
  },
  // A message's place in a mailbox. `group_id` names the group of copies that made it, `retired_group` the one that moved it away.
  {
    name: 'placement',
    columns: [
      'account bigint', 'mailbox bigint', 'uid bigint', 'message bigint', 'modseq bigint', 'bits bigint', 'keywords text', 'octets bigint',
      'internal_date_ms bigint', 'saved_ms bigint', 'group_id text?', 'retired_ms bigint?', 'retired_modseq bigint?', 'retired_group text?',
    ],
    key: ['account', 'mailbox', 'uid'],
    indexes: [
      { name: 'placement_group', columns: ['account', 'group_id'], where: 'group_id is not null' },
      { name: 'placement_retired_group', columns: ['account', 'retired_group'], where: 'retired_group is not null' },
    ],
  },
  // Shared by all placements of one message. `octets` is the body alone; ENVELOPE and BODYSTRUCTURE are caches.
  {
    name: 'message',
    columns: ['account bigint', 'message bigint', 'octets bigint', 'prefix bytes', 'envelope bytes?', 'structure bytes?', 'thread bigint', 'message_id text?'],
    key: ['account', 'message'],
    rowNumber: 'message',
  },
  { name: 'thread_key', columns: ['account bigint', 'thread_key bytes', 'thread bigint'], key: ['account', 'thread_key'] },
  { name: 'subscription', columns: ['account bigint', 'name text'], key: ['account', 'name'] },
  // The change log: every modseq has at least one row. `uids` are the ranges concerned ("3:5,9"), a superset
  // where whole mailboxes change; null for changes of the mailbox itself.
  {
    name: 'change',
    columns: ['account bigint', 'modseq bigint', 'n bigint', 'object text', 'mailbox bigint', 'action text', 'uids text?'],
    key: ['account', 'modseq', 'n'],
  },
]

export const firstVersion: Migration = { version: 1, tables: { directory, queue, account } }
