// For listener.test.ts: listens, in a worker thread, on a descriptor that the main thread bound.
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import type { ListenAddress } from './listen-address.ts'
import { listenOn } from './listener.ts'
import { Sweeper } from './sweeper.ts'

const { fd, address } = workerData as { fd: number; address: ListenAddress }
const listening = await listenOn({
  fd, sweeper: new Sweeper({ clock: systemClock }), log: silentLog,
  admit: () => 'go',
  onConnection: (connection) => connection.end('220 from the worker\r\n'),
}, address)
parentPort?.postMessage(listening.ok)
