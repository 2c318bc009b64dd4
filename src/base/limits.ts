// Every limit has a name and a default here; `[limits]` in daruma.toml sets the same names
// (docs/CONFIG.md lists them). Units stand last in the name.

export const limitDefaults = {
  /** Largest message taken by SMTP, submission or APPEND (RFC 1870 SIZE). */
  message_octets_max: 50 * 1024 * 1024,
  /** Longest line of a message, CRLF included. RFC 5321 §4.5.3.1.6 asks for 1,000; real mail has longer ones. */
  line_octets_max: 1024 * 1024,
  /** Longest SMTP command line, CRLF included (RFC 5321 §4.5.3.1.4, and room for AUTH and SMTPUTF8). */
  smtp_command_octets_max: 12_288,
  /** Longest mailbox path in an envelope (RFC 5321 §4.5.3.1.3 says 256). */
  path_octets_max: 1024,
  /** Recipients of one message (RFC 5321 §4.5.3.1.8 asks for at least 100). */
  recipients_max: 1000,
  /** Octets of a message's header section. */
  header_octets_max: 1024 * 1024,
  /** Received lines after which a message is taken for a loop (RFC 5321 §6.3). */
  received_lines_max: 100,
  /** Protocol errors after which a session is ended. */
  session_errors_max: 20,
  /** SMTP commands of one session in a row without a message kept, past which it is ended. A message with its recipients begins the count anew. */
  smtp_commands_max: 5000,
  /** Failed logins after which a session is ended. */
  login_failures_max: 5,
  /** Messages in one SMTP session. */
  session_messages_max: 10_000,
  /** A peer that says nothing for so long is sent away (RFC 5321 §4.5.3.2.7: at least 5 minutes). */
  smtp_idle_ms: 5 * 60_000,
  /** One message's whole DATA phase. */
  smtp_data_ms: 30 * 60_000,
  /** Whole time from the final dot to the reply: past it, 451 (R7). */
  smtp_accept_ms: 30_000,
  /** Connections at one moment on the SMTP and submission doors together. */
  smtp_connections_max: 2000,
  /** Connections at one moment from one address on one kind of door. */
  connections_per_address_max: 1000,
  /** The same from one network (IPv4 /24, IPv6 /48). */
  connections_per_network_max: 2000,
  /** Connections at one moment from one address on the door for other servers' mail (not from this machine): two neighbours cannot take all places. */
  stranger_connections_per_address_max: 100,
  /** The same from one network (IPv4 /24, IPv6 /48). */
  stranger_connections_per_network_max: 400,
  /** When the SMTP doors are four fifths full: who has been there so long without bringing a message or logging in is sent away. */
  smtp_crowded_ms: 60_000,
  /** New connections from one address in a minute, on one kind of door. This machine itself is not counted. */
  arrivals_per_minute_max: 600,
  /** The same from one network (IPv4 /24, IPv6 /48). */
  network_arrivals_per_minute_max: 2400,
  /** Messages handed to the journal and not yet answered; past it strangers are sent away. */
  messages_in_flight_max: 1000,
  /** A message that has waited so long for the journal: strangers are sent away until it is kept. */
  writer_delay_ms: 2000,
  /** Timers of the mail-taking thread that come so late: strangers are sent away. */
  loop_delay_ms: 500,
  /** Memory of the server's process; past it strangers are sent away. */
  process_memory_octets_max: 1024 * 1024 * 1024,
  /** Failed logins from one address in an hour, past which it is banned for `login_ban_ms`. */
  login_failures_per_address_max: 50,
  /** The same of one network (IPv4 /24, IPv6 /48), which is then banned as a whole. */
  login_failures_per_network_max: 200,
  /** Failed logins at one account in an hour, past which addresses that have never logged in to it must wait. */
  login_failures_per_account_max: 100,
  /** How long an address is banned. */
  login_ban_ms: 15 * 60_000,
  /** How late a failed login is answered, from the fourth of one address in an hour on. */
  login_slow_ms: 2000,
  /** Message bytes held in memory by one thread before the rest goes to files. */
  memory_message_octets_max: 64 * 1024 * 1024,
  /** A message above this goes to a file of its own (DESIGN, large messages). */
  large_message_octets: 1024 * 1024,
  /** Longest IMAP command without its literals. */
  imap_command_octets_max: 65_536,
  /** Literals of one IMAP command other than APPEND, together. */
  imap_literal_octets_max: 1024 * 1024,
  /** Idle time after login (RFC 9051 §5.4: at least 30 minutes). */
  imap_idle_ms: 31 * 60_000,
  /** Idle time before login. */
  imap_login_ms: 60_000,
  /** Connections at one moment on the IMAP doors. */
  imap_connections_max: 10_000,
  /** Keywords that one mailbox may know. */
  keywords_max: 256,
  /** Mailboxes of one account. */
  mailboxes_max: 10_000,
  /** Octets of one mailbox name as UTF-8. */
  mailbox_name_octets_max: 1000,
  /** Levels of nested MIME parts that are told apart; deeper ones are one opaque part. */
  mime_depth_max: 100,
  /** MIME parts of one message that are told apart. */
  mime_parts_max: 10_000,
  /** Free octets on the data disk below which new mail is refused with 452. */
  disk_reserve_octets: 128 * 1024 * 1024,
  /** Records applied to one database after which a snapshot of it is taken. */
  snapshot_records: 20_000,
  /** An account whose view lags further behind the journal refuses its clients' changes. */
  account_lag_octets_max: 256 * 1024 * 1024,
  /** Journal not yet applied, all accounts: past it strangers get 451. */
  total_lag_octets_max: 1024 * 1024 * 1024,
  /** Octets of a mirror that was dropped and has come back, compared or copied in one second. */
  mirror_fill_octets_per_second: 64 * 1024 * 1024,
  /** Attempts under way at one moment to one destination. */
  queue_per_destination_max: 20,
  /** Attempts under way at one moment. */
  queue_attempts_max: 200,
  /** A recipient that could not be reached for so long is given up and the sender told. */
  queue_lifetime_ms: 5 * 24 * 3600_000,
  /** The sender is told of a delay after so long. */
  queue_delay_notice_ms: 4 * 3600_000,
  /** A server process that gives no sign of life for so long is ended by its supervisor, and another is started. */
  server_stuck_ms: 15_000,
  /** Sessions get so long to finish when a server leaves. */
  leave_grace_ms: 5000,
  /** Message bytes held in memory by the understudy before the rest goes to files. */
  understudy_memory_octets_max: 16 * 1024 * 1024,
  /** Connections at one moment to the status page. */
  status_connections_max: 64,
  /** Requests of one address (IPv6: one /64) to the status page in a minute. */
  status_requests_per_minute_max: 120,
  /** Incidents that are remembered after their end. */
  incidents_max: 1000,
} as const

export type LimitName = keyof typeof limitDefaults
export type Limits = { readonly [name in LimitName]: number }

export const defaultLimits: Limits = limitDefaults
