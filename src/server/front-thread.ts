// Entry of a front thread: one of taking (SMTP, submission), reading (IMAP), queue (outbound). Builds its rooms on
// the store's channels and runs until it is told to stop.
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../base/clock.ts'
import { keepCompiled } from '../base/compile-cache.ts'
import { nodeDisk } from '../base/disk.ts'
import { errorSentence } from '../base/errors.ts'
import { createLog } from '../base/log.ts'
import { systemRandom } from '../base/random.ts'
import { stderrSink } from '../base/stderr-sink.ts'
import { parseServerContexts } from '../net/server-contexts.ts'
import { Sweeper } from '../net/sweeper.ts'
import { LargeStore } from '../store/journal/large-writer.ts'
import { openJournalReader } from '../store/journal/journal-reader.ts'
import { crashPointAt } from '../store/threads/crash-at.ts'
import { Gauges } from '../store/threads/gauges.ts'
import { StoreClient } from '../store/threads/store-client.ts'
import { proxiesOf, type FrontRooms, type FrontThing } from './front-rooms.ts'
import { openQueue } from './queue-front.ts'
import { openReading } from './reading-front.ts'
import { openTaking } from './taking-front.ts'
import type { FromFront, FrontThreadData, ToFront } from './thread-messages.ts'

const port = parentPort
if (port) {
  const data = workerData as FrontThreadData
  const { config } = data
  // What a reload changes: the log's level, the limits and the proxies are each one object for the life of the thread.
  const logging = { clock: systemClock, level: config.log.level, sink: stderrSink }
  const log = createLog(logging, { thread: data.kind })
  const tell = (message: FromFront) => port.postMessage(message)
  const place = { dataDirectory: config.data, mirrors: data.mirrors, crashPoint: crashPointAt(process.env['DARUMA_CRASH_AT']) }
  const contexts = parseServerContexts(data.certificates, data.ticketKeys)
  const limits = { ...config.limits }
  const unused = new Set(data.doors.map(({ fd }) => fd))
  try {
    if (!contexts.ok) throw new Error(contexts.reason)
    const store = await StoreClient.connect({
      ports: data.ports, gauges: new Gauges(data.gauges), limits, disk: nodeDisk, clock: systemClock, log,
      reader: openJournalReader({ ...place, disk: nodeDisk, log }), large: new LargeStore({ ...place, random: systemRandom }),
    })
    const rooms: FrontRooms = {
      data, store, limits, log, clock: systemClock, random: systemRandom, contexts: contexts.value,
      proxies: proxiesOf(config),
      onTaken: (fd) => void unused.delete(fd),
      sweeper: new Sweeper({ clock: systemClock, onBug: (error) => log.error('a deadline failed', { error: errorSentence(error) }) }),
    }
    const open: Record<FrontThreadData['kind'], (rooms: FrontRooms) => Promise<FrontThing>> = { taking: openTaking, reading: openReading, queue: openQueue }
    const thing = await open[data.kind](rooms)
    port.on('message', (message: ToFront) => {
      switch (message.t) {
        case 'beat':
          tell({ t: 'beat' })
          return
        case 'reload': {
          Object.assign(limits, message.config.limits)
          logging.level = message.config.log.level
          rooms.proxies.splice(0, rooms.proxies.length, ...proxiesOf(message.config))
          const replaced = contexts.value.replace(message.certificates)
          if (!replaced.ok) log.error('the new certificates cannot be used, the old ones stay', { reason: replaced.reason })
          thing.reload(message.config)
          return
        }
        case 'stop':
          void thing.stop(message.graceMs).catch((error: unknown) => log.error('stopping failed', { error: errorSentence(error) })).finally(() => {
            store.close()
            tell({ t: 'stopped' })
            port.close()
            // Whatever a library still has open (a resolver's socket, a pooled connection) must not hold up the end.
            setImmediate(() => process.exit(0))
          })
      }
    })
    tell({ t: 'ready' })
    keepCompiled()
  } catch (error) {
    tell({ t: 'refused', because: errorSentence(error), unused: [...unused] })
    port.close()
  }
}
