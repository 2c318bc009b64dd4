// Passwords as they are kept: argon2id (19 MiB, t = 2, p = 1; OWASP's second choice, RFC 9106 form)
// and, beside it, a SCRAM-SHA-256 verifier (RFC 5802, RFC 7677) made when the password is set.
// Never keeps, logs or returns a password.
import { argon2, createHmac, createHash, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { Random } from '../base/random.ts'
import type { Credential } from './operations.ts'

const MEMORY_KIB = 19 * 1024
const PASSES = 2
const PARALLELISM = 1
const TAG_OCTETS = 32
const SCRAM_ITERATIONS = 4096

const argon2Async = promisify(argon2) as (algorithm: 'argon2id', parameters: {
  message: Uint8Array; nonce: Uint8Array; parallelism: number; tagLength: number; memory: number; passes: number
}) => Promise<Buffer>
const pbkdf2Async = promisify(pbkdf2)

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
function unpadded(bytes: Uint8Array): string {
  return base64(bytes).replace(/=+$/, '')
}

/** Passwords are compared in NFKC, which is what SASLprep (RFC 4013) does to them for all that people type. */
export function preparedPassword(password: string): Uint8Array {
  return new TextEncoder().encode(password.normalize('NFKC'))
}

export async function makeCredential(password: string, options: { random: Random; scram: boolean }): Promise<Credential> {
  const message = preparedPassword(password)
  const nonce = options.random.bytes(16)
  const tag = await argon2Async('argon2id', { message, nonce, parallelism: PARALLELISM, tagLength: TAG_OCTETS, memory: MEMORY_KIB, passes: PASSES })
  return {
    argon2: `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${PARALLELISM}$${unpadded(nonce)}$${unpadded(tag)}`,
    scram: options.scram ? await makeScram(message, options.random.bytes(16)) : null,
  }
}

/** "iterations:salt:StoredKey:ServerKey", the last three in base64 (RFC 5802 §3). */
async function makeScram(password: Uint8Array, salt: Uint8Array): Promise<string> {
  const salted = await pbkdf2Async(password, salt, SCRAM_ITERATIONS, 32, 'sha256')
  const clientKey = createHmac('sha256', salted).update('Client Key').digest()
  const storedKey = createHash('sha256').update(clientKey).digest()
  const serverKey = createHmac('sha256', salted).update('Server Key').digest()
  return [SCRAM_ITERATIONS, base64(salt), base64(storedKey), base64(serverKey)].join(':')
}

/** Compares in constant time. A verifier that cannot be read is a wrong password, and is said so in the log by the caller. */
export async function verifyPassword(credential: Credential, password: string): Promise<boolean> {
  const match = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(credential.argon2)
  if (!match) return false
  const [, memory, passes, parallelism, nonce, tag] = match
  const expected = Buffer.from(tag ?? '', 'base64')
  const found = await argon2Async('argon2id', {
    message: preparedPassword(password), nonce: Buffer.from(nonce ?? '', 'base64'), parallelism: Number(parallelism),
    tagLength: expected.length, memory: Number(memory), passes: Number(passes),
  })
  return timingSafeEqual(found, expected)
}

/** Costs as much as a real comparison, for users who do not exist: the time of a failed login tells nothing. */
export const nobodysCredential: Credential = {
  argon2: `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${PARALLELISM}$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`,
  scram: null,
}
