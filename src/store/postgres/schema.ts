// PostgreSQL's own tables beside the shared ones: what the journal is in the other engine. One row for each
// record, with where its bytes are; addresses of arrivals for `trace`; and the sequences that give numbers once.
import { Outage } from '../../base/errors.ts'
import { migrationStatements, SCHEMA_VERSION } from '../schema.ts'
import type { PgPool, PgSession } from './pool.ts'

const OWN = `
create sequence record_sequence start with 1;
create sequence account_number start with 100;
create table record (
  sequence bigint primary key, time_ms bigint not null, kind text not null, meta text not null,
  object_key text, octets bigint, sha256 bytea, message_id text
);
create index record_message_id on record (message_id, sequence) where message_id is not null;
create table record_address (address_key text not null, sequence bigint not null, primary key (address_key, sequence));
`

/** Makes or migrates the tables. The database must have been made with locale C: texts are compared by their octets in both engines. */
export async function preparePostgres(pool: PgPool): Promise<void> {
  await pool.session(async (session) => {
    await assertLocale(session)
    await session.script('begin')
    try {
      // Two nodes that start together: one of them migrates, the other finds it done.
      await session.script('select pg_advisory_xact_lock(1684107885)')
      await session.script('create table if not exists schema_version (version bigint primary key)')
      const { rows } = await session.query('select cast(coalesce(max(version), 0) as bigint) as version from schema_version', [], 'objects')
      const version = Number((rows[0] as { version: number }).version)
      if (version > SCHEMA_VERSION) {
        throw new Outage(`the PostgreSQL database was written by a newer Daruma (schema ${version}, this one knows ${SCHEMA_VERSION})`, {
          operation: 'open', hint: 'start the newer version again, or restore from a backup made before the upgrade',
        })
      }
      if (version < SCHEMA_VERSION) {
        for (const kind of ['directory', 'queue', 'account'] as const) {
          for (const statement of migrationStatements(kind, 'postgres', version)) await session.script(statement)
        }
        if (version === 0) await session.script(OWN)
        await session.query('insert into schema_version (version) values ($1)', [SCHEMA_VERSION], 'objects')
      }
      await session.script('commit')
    } catch (error) {
      await session.script('rollback')
      throw error
    }
  })
}

async function assertLocale(session: PgSession): Promise<void> {
  const { rows } = await session.query("select 'a' < 'B' as folded", [], 'objects')
  if ((rows[0] as { folded: boolean }).folded) {
    throw new Outage('the PostgreSQL database does not compare texts by their octets', {
      operation: 'open', hint: "make it with: create database daruma template template0 locale 'C' encoding 'UTF8'",
    })
  }
}
