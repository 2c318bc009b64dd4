// Entry of a front thread: one of taking (SMTP, submission), reading (IMAP), queue (outbound). In steps, so that a
// new process can be warm while an old one still owns the data:
//
//   loaded ─"warm"→ (accept) its doors listen, whoever comes is greeted and waits in the lobby ─"accepting"→
//   (go) builds its rooms on the store's channels, takes in who waits ─"ready"→ … (stop) ─"closed", "stopped"→
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../base/clock.ts'
import { keepCompiled } from '../base/compile-cache.ts'
import { nodeDisk } from '../base/disk.ts'
import { Bug, errorSentence } from '../base/errors.ts'
import { createLog } from '../base/log.ts'
import { systemRandom } from '../base/random.ts'
import { stderrSink } from '../base/stderr-sink.ts'
import { IMAP_COME_BACK } from '../imap/imap.ts'
import { parseServerContexts, type ServerContexts } from '../net/server-contexts.ts'
import { Sweeper } from '../net/sweeper.ts'
import { SMTP_COME_BACK, smtpGreeting } from '../smtp/smtp.ts'
import { LargeStore } from '../store/journal/large-writer.ts'
import { openJournalReader } from '../store/journal/journal-reader.ts'
import { crashPointAt } from '../store/threads/crash-at.ts'
import { Gauges } from '../store/threads/gauges.ts'
import { StoreClient } from '../store/threads/store-client.ts'
import { newDoorWriter } from './door-writer.ts'
import { proxiesOf, type FrontRooms, type FrontThing } from './front-rooms.ts'
import { Lobby } from './lobby.ts'
import { openQueue } from './queue-front.ts'
import { openReading } from './reading-front.ts'
import { openTaking } from './taking-front.ts'
import type { FromFront, FrontStore, FrontThreadData, ToFront } from './thread-messages.ts'

const port = parentPort
if (port) {
  const data = workerData as FrontThreadData
  let { config } = data
  // What a reload changes: the log's level, the limits and the proxies are each one object for the life of the thread.
  const logging = { clock: systemClock, level: config.log.level, sink: stderrSink }
  const log = createLog(logging, { thread: data.kind })
  const tell = (message: FromFront) => port.postMessage(message)
  const contexts = parseServerContexts(data.certificates, data.ticketKeys)
  const limits = { ...config.limits }
  const unused = new Set(data.doors.map(({ fd }) => fd))
  const outside = {
    data, log,
    proxies: proxiesOf(config),
    onTaken: (fd: number) => void unused.delete(fd),
    sweeper: new Sweeper({ clock: systemClock, onBug: (error) => log.error('a deadline failed', { error: errorSentence(error) }) }),
  }
  const words = {
    greeting: data.kind === 'taking' ? smtpGreeting(config.hostname) : undefined,
    full: data.kind === 'taking' ? SMTP_COME_BACK : IMAP_COME_BACK,
  }
  let lobby: Lobby | undefined
  let store: StoreClient | undefined
  let thing: FrontThing | undefined

  const go = async (given: FrontStore, contexts: ServerContexts, lobby: Lobby): Promise<void> => {
    const gauges = new Gauges(given.gauges)
    const place = { dataDirectory: config.data, mirrors: given.mirrors, members: gauges, dropFullMirrors: config.journal.dropFullMirror, crashPoint: crashPointAt(process.env['DARUMA_CRASH_AT']) }
    const doorWriter = data.kind === 'taking' ? newDoorWriter(() => config, { clock: systemClock, log }) : undefined
    store = await StoreClient.connect({
      ...(doorWriter ? { onDirectoryRead: (position) => void (doorWriter.onDirectoryRead() && gauges.set('doorPosition', position)) } : {}),
      ports: given.ports, gauges, limits, disk: nodeDisk, clock: systemClock, log,
      reader: openJournalReader({ ...place, disk: nodeDisk, log }), large: new LargeStore({ ...place, random: systemRandom }),
    })
    const rooms: FrontRooms = { ...outside, data: { ...data, ...given, config }, lobby, store, doorWriter, limits, clock: systemClock, random: systemRandom, contexts }
    const open: Record<FrontThreadData['kind'], (rooms: FrontRooms) => Promise<FrontThing>> = { taking: openTaking, reading: openReading, queue: openQueue }
    thing = await open[data.kind](rooms)
    keepCompiled()
  }

  const stop = async ({ graceMs, goodbye }: ToFront & { t: 'stop' }): Promise<void> => {
    lobby?.stopAccepting()
    tell({ t: 'closed' })
    try {
      if (thing) await thing.stop(graceMs, goodbye)
      else await lobby?.dismiss()
    } catch (error) {
      log.error('stopping failed', { error: errorSentence(error) })
    }
    store?.close()
    tell({ t: 'stopped' })
    port.close()
    // Whatever a library still has open (a resolver's socket, a pooled connection) must not hold up the end.
    setImmediate(() => process.exit(0))
  }

  const refused = (error: unknown) => {
    tell({ t: 'refused', because: errorSentence(error), unused: [...unused] })
    port.close()
    setImmediate(() => process.exit(0))
  }

  port.on('message', (message: ToFront) => {
    switch (message.t) {
      case 'beat':
        tell({ t: 'beat' })
        return
      case 'accept':
        if (!contexts.ok) return refused(new Error(contexts.reason))
        Lobby.open({ ...outside, contexts: contexts.value }, words).then((opened) => {
          lobby = opened
          tell({ t: 'accepting' })
        }, refused)
        return
      case 'go':
        if (!contexts.ok || !lobby) return refused(new Bug('"go" comes after "accept"'))
        go(message, contexts.value, lobby).then(() => tell({ t: 'ready' }), refused)
        return
      case 'reload': {
        config = message.config
        Object.assign(limits, config.limits)
        logging.level = config.log.level
        outside.proxies.splice(0, outside.proxies.length, ...proxiesOf(config))
        const replaced = contexts.ok ? contexts.value.replace(message.certificates) : contexts
        if (!replaced.ok) log.error('the new certificates cannot be used, the old ones stay', { reason: replaced.reason })
        thing?.reload(config)
        return
      }
      case 'adopt':
        thing?.adopt?.()
        return
      case 'stop':
        void stop(message)
    }
  })
  if (contexts.ok) tell({ t: 'warm' })
  else refused(new Error(contexts.reason))
}
