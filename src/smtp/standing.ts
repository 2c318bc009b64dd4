// What a peer may do at this moment, and who it is: changes with STARTTLS and with a login, stays the same
// from command to command. The session's rules and intake's facts about the peer are made from it.
import type { Limits } from '../base/limits.ts'
import type { Intake, Peer } from '../intake/intake.ts'
import { isLoopback, parseIp } from '../net/network.ts'
import type { AccountRow } from '../store/store.ts'
import { offeredMechanisms } from '../wire/sasl/sasl.ts'
import type { SmtpPeer } from './peer.ts'
import type { Client, SessionRules } from './session.ts'

/** MX, or submission. */
export type SmtpDoorKind = 'smtp' | 'submission'

export interface StandingOptions {
  readonly intake: Intake
  readonly limits: Limits
  readonly hostname: string
  readonly plaintextLogin: 'never' | 'loopback'
  readonly scram: boolean
}

export class Standing {
  readonly rules: SessionRules
  readonly #options: StandingOptions
  readonly #peer: SmtpPeer
  readonly #kind: SmtpDoorKind
  #login: AccountRow | undefined
  #facts: Peer | undefined

  constructor(options: StandingOptions, peer: SmtpPeer, kind: SmtpDoorKind) {
    const { intake, limits, hostname } = options
    this.#options = options
    this.#peer = peer
    this.#kind = kind
    this.rules = {
      hostname, limits, mustLogIn: kind === 'submission', knowsLogins: kind === 'submission', loggedIn: false, secure: false, canStartTls: false, mechanisms: [],
      messagesLeft: limits.session_messages_max,
      judgeSender: (client, sender, parameters) => intake.judgeSender(this.facts(client), sender, parameters),
      judgeMoment: (client, sender) => intake.judgeMoment(this.facts(client), sender),
      judgeRecipient: (client, sender, recipient, parameters) => intake.judgeRecipient(this.facts(client), sender, recipient, parameters),
    }
    this.forget()
  }

  /** At the beginning, and once TLS has started: who it was said to be no longer counts (RFC 3207 §4.2). */
  forget(): void {
    const { tls, remoteAddress, canStartTls } = this.#peer
    const { plaintextLogin, scram } = this.#options
    const { rules } = this
    this.#login = undefined
    this.#facts = undefined
    rules.loggedIn = false
    rules.secure = tls !== undefined
    rules.canStartTls = canStartTls
    if (!rules.knowsLogins) return
    const ip = parseIp(remoteAddress)
    const mayLogIn = rules.secure || (plaintextLogin === 'loopback' && ip.ok && isLoopback(ip.value))
    rules.mechanisms = mayLogIn ? offeredMechanisms({ plaintext: true, scram, channelBinding: (tls?.bindings().length ?? 0) > 0 }) : []
  }

  logIn(account: AccountRow): void {
    this.#login = account
    this.rules.loggedIn = true
  }

  /** What intake wants to know; one object for as long as nothing changes. */
  facts(client: Client): Peer {
    const known = this.#facts
    if (known?.helo === client.name && known.isExtended === client.isExtended && known.submitter === this.#login) return known
    const { tls, remoteAddress } = this.#peer
    this.#facts = {
      via: this.#kind, address: remoteAddress, helo: client.name, isExtended: client.isExtended, tls: tls && `${tls.protocol} ${tls.cipher}`, submitter: this.#login,
    }
    return this.#facts
  }
}
