// Limits of applying, each with its unit in its name.
import { limitDefaults } from '../../base/limits.ts'

export const applyLimits = {
  /** Records or milliseconds of one account's turn. */
  turn_records_max: 64,
  turn_ms: 20,
  /** The loop is given back to messages from other threads after so long. */
  hold_ms: 5,
  /** Octets of meta kept in memory for records that wait; more is read again from the segment. */
  meta_octets_max: 64 * 1024 * 1024,
  /** Octets that one account may have waiting before its clients' changes are refused. */
  lag_octets_max: limitDefaults.account_lag_octets_max,
  /** Records of one slice of a catch-up. */
  slice_records_max: 2000,
  /** Heads looked at in one slice of a catch-up before others get their turn. */
  slice_heads_max: 20_000,
  /** Writing connections open at one moment, if those that are not needed can be closed. */
  connections_max: 300,
  /** Beyond this also those are closed that have something to flush (which their close then does). */
  connections_hard_max: 600,
  retry_first_ms: 250,
  retry_most_ms: 30_000,
  /** A full disk is tried again more often: only room is missing. */
  retry_full_ms: 2000,
  /** A record that the store asked for itself and that has not come is asked for again. */
  ask_again_ms: 30_000,
  /** How often records that must be there are looked for again. */
  read_attempts_max: 20,
  /** A database found damaged again so often in a row waits before it is made again. */
  rebuilds_at_once_max: 3,
} as const

export type ApplyLimits = { readonly [name in keyof typeof applyLimits]: number }
