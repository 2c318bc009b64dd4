// A new database is a copy of an empty one that was made in memory: written whole under another name, flushed,
// renamed. SQLite alone would make the file, turn it to WAL and create the tables with two flushes and half as much
// CPU more, and a crash in between would leave half a database. The image is a function of the schema alone.
import { DatabaseSync } from 'node:sqlite'
import { migrationStatements, SCHEMA_VERSION, type Kind } from '../schema.ts'

export const PAGE_OCTETS = 4096

const images = new Map<Kind, Uint8Array>()

/** The file of an empty database of the newest schema, in WAL mode. */
export function emptyDatabase(kind: Kind): Uint8Array {
  const known = images.get(kind)
  if (known) return known
  const database = new DatabaseSync(':memory:')
  try {
    const statements = migrationStatements(kind, 'sqlite', 0)
    database.exec(`pragma page_size = ${PAGE_OCTETS};\nbegin;\n${statements.join(';\n')};\npragma user_version = ${SCHEMA_VERSION};\ncommit`)
    const image = database.serialize()
    // "File format write version" and "read version" (https://www.sqlite.org/fileformat.html §1.3.3): 2 is WAL.
    image[18] = 2
    image[19] = 2
    images.set(kind, image)
    return image
  } finally {
    database.close()
  }
}
