// The supervisor as the server process sees it. Without its supervisor a server ends on the spot: another one
// comes, and must find the ports and the data free. Nothing is lost by that; the journal is made for it.
import type { FromServer, Goodbye, Hello, ServerFacts, ToServer } from './supervisor-messages.ts'
import type { Succession } from './server-interface.ts'

/** The channel of a child process, as Node gives it. */
export interface Channel {
  send(message: FromServer): void
  onMessage(call: (message: ToServer) => void): void
  onDisconnect(call: () => void): void
}

export interface LinkEvents {
  stop(goodbye: Goodbye | undefined): void
  reload(): void
  adopt(): void
}

export class SupervisorLink {
  readonly #channel: Channel
  readonly hello: Hello
  readonly #mayAccept = Promise.withResolvers<void>()
  readonly #mayOwn = Promise.withResolvers<void>()
  #events: LinkEvents | undefined
  /** Said before anybody could listen. */
  #stopBefore: { goodbye: Goodbye | undefined } | undefined
  /** Asked at every beat. */
  facts: () => ServerFacts | undefined = () => undefined

  private constructor(channel: Channel, hello: Hello) {
    this.#channel = channel
    this.hello = hello
  }

  /** Resolves with the first message. */
  static open(channel: Channel, onOrphaned: () => void): Promise<SupervisorLink> {
    channel.onDisconnect(onOrphaned)
    return new Promise((resolve) => {
      let link: SupervisorLink | undefined
      channel.onMessage((message) => {
        if (link) link.#hear(message)
        else if (message.t === 'hello') {
          link = new SupervisorLink(channel, message)
          resolve(link)
        }
      })
    })
  }

  /** Undefined for one that has nobody to take over from. */
  get succession(): Succession | undefined {
    if (this.hello.role === 'first') return undefined
    return { warm: () => this.#channel.send({ t: 'warm' }), mayAccept: this.#mayAccept.promise, mayOwn: this.#mayOwn.promise }
  }

  listen(events: LinkEvents): void {
    this.#events = events
    if (this.#stopBefore) events.stop(this.#stopBefore.goodbye)
  }

  ready(): void {
    this.#channel.send({ t: 'ready' })
  }
  closed(): void {
    this.#channel.send({ t: 'closed' })
  }
  wishStop(): void {
    this.#channel.send({ t: 'stop-wished' })
  }

  #hear(message: ToServer): void {
    switch (message.t) {
      case 'hello':
        return
      case 'beat':
        this.#channel.send({ t: 'beat', facts: this.facts() })
        return
      case 'accept':
        this.#mayAccept.resolve()
        return
      case 'own':
        this.#mayOwn.resolve()
        return
      case 'stop':
        if (this.#events) this.#events.stop(message.goodbye)
        else this.#stopBefore = { goodbye: message.goodbye }
        return
      case 'reload':
        this.#events?.reload()
        return
      case 'adopt':
        this.#events?.adopt()
    }
  }
}
