// Where checks and repairs are done: beside a running server in a thread of their own, or in the command that owns the data.
import { Worker } from 'node:worker_threads'
import type { Clock } from '../base/clock.ts'
import { Outage } from '../base/errors.ts'
import type { RepairDesk } from '../admin/admin.ts'
import { carryOutRepair, type RepairReport } from '../repair/repair.ts'
import type { StoreClient } from '../store/threads/store-client.ts'
import type { FromRepairThread, RepairThreadData } from './repair-thread.ts'

/** `data` is asked for at each job: ports are for one thread only. */
export function deskBesideServer(data: () => Omit<RepairThreadData, 'wish'>): RepairDesk {
  return {
    carryOut: (wish, { signal, onProgress }) => new Promise<RepairReport>((resolve, reject) => {
      const given = { ...data(), wish } satisfies RepairThreadData
      const worker = new Worker(new URL('./repair-thread.ts', import.meta.url), { name: 'repair', workerData: given, transferList: [given.ports.journal, given.ports.accounts] })
      const onAbort = () => worker.postMessage('stop')
      signal.addEventListener('abort', onAbort, { once: true })
      const failed = (because: string) => reject(new Outage(because, { operation: 'repair' }))
      worker.on('message', (message: FromRepairThread) => {
        if (message.t === 'progress') onProgress(message.progress)
        else if (message.t === 'done') resolve(message.report)
        else failed(message.because)
      })
      worker.on('error', (error) => failed(String(error)))
      worker.on('exit', () => {
        signal.removeEventListener('abort', onAbort)
        failed('the repair thread has ended')
      })
    }),
  }
}

export function deskOfOwner(store: StoreClient, place: { dataDirectory: string; mirrors: readonly string[] }, clock: Clock): RepairDesk {
  return {
    async carryOut(wish, around) {
      const inspection = await store.inspect({ ...place, startedMs: clock.nowMs() })
      try {
        return await carryOutRepair(wish, { ...around, inspection, clock })
      } finally {
        inspection.close()
      }
    },
  }
}
