// Check, repair, rebuild and scrub as an operator asks for them: begun as a job, looked at until it is over. One job at
// a time; the last few are remembered. Where the work is done (a thread beside the server, or this process) is not known here.
import { errorSentence } from '../base/errors.ts'
import { text } from '../base/language.ts'
import type { Progress, RepairReport, RepairWish } from '../repair/repair.ts'
import { type Answer, type Office, EXIT, done, refused } from './office.ts'

export interface RepairDesk {
  carryOut(wish: RepairWish, around: { signal: AbortSignal; onProgress: (progress: Progress) => void }): Promise<RepairReport>
}

export interface JobState {
  readonly job: string
  readonly state: 'running' | 'done' | 'failed'
  readonly progress: Progress | null
  readonly report: RepairReport | null
  readonly because: string | null
}

const REMEMBERED_MAX = 10

export class RepairJobs {
  readonly #desk: RepairDesk
  readonly #jobs = new Map<string, JobState>()
  readonly #ending = new AbortController()
  #count = 0

  constructor(desk: RepairDesk) {
    this.#desk = desk
  }

  get running(): boolean {
    return [...this.#jobs.values()].some(({ state }) => state === 'running')
  }

  start(wish: RepairWish): Answer<JobState> {
    if (this.running) return refused('job-running', text('another check or repair is running: wait until it is over', '別の検査または修復が実行中です。終わるまでお待ちください'), EXIT.tryAgain)
    this.#count += 1
    const job = String(this.#count)
    let now: JobState = { job, state: 'running', progress: null, report: null, because: null }
    const set = (change: Partial<JobState>) => {
      now = { ...now, ...change }
      this.#jobs.set(job, now)
    }
    set({})
    if (this.#jobs.size > REMEMBERED_MAX) this.#jobs.delete(this.#jobs.keys().next().value as string)
    this.#desk.carryOut(wish, { signal: this.#ending.signal, onProgress: (progress) => set({ progress }) }).then(
      (report) => set({ state: 'done', report }),
      (error: unknown) => set({ state: 'failed', because: errorSentence(error) }),
    )
    return done(now)
  }

  look(job: string): JobState | undefined {
    return this.#jobs.get(job)
  }

  /** The server is stopping. */
  close(): void {
    this.#ending.abort(new Error('the server is stopping'))
  }
}

export interface RepairArguments {
  readonly kind: string
  readonly full: boolean
  readonly dryRun: boolean
  readonly fromJournal: boolean
  readonly targets: readonly string[]
}

/** What the words of the command mean; accounts by address or number. */
export function wishOf(args: RepairArguments, { directory }: Pick<Office['store'], 'directory'>): Answer<RepairWish> {
  switch (args.kind) {
    case 'check': return done({ kind: 'check', how: args.full ? 'full' : 'quick' })
    case 'repair': return done({ kind: 'repair', dryRun: args.dryRun })
    case 'scrub': return done({ kind: 'scrub', octetsPerSecond: 0 })
    case 'rebuild': {
      if (args.targets.length === 0) return done({ kind: 'rebuild', databases: 'all', fromJournal: args.fromJournal })
      const databases: number[] = []
      for (const target of args.targets) {
        const account = directory.accountByKey(target.toLowerCase())
        if (target === 'directory') databases.push(0)
        else if (target === 'queue') databases.push(1)
        else if (account) databases.push(account.account)
        else if (/^[1-9]\d{2,14}$/.test(target)) databases.push(Number(target))
        else return refused('no-such-account', text(`there is no account ${target}`, `アカウント ${target} はありません`))
      }
      return done({ kind: 'rebuild', databases, fromJournal: args.fromJournal })
    }
    default: return refused('bad-request', text(`"${args.kind}" is no repair`, `「${args.kind}」という修復はありません`), EXIT.usage)
  }
}

const notHere = () => refused('not-here', text('this server cannot be inspected', 'このサーバーは検査できません'), EXIT.unavailable)

export function startRepair(office: Office, args: RepairArguments): Promise<Answer<JobState>> {
  const wish = wishOf(args, office.store)
  return Promise.resolve(!wish.ok ? wish : (office.repairs?.start(wish.result) ?? notHere()))
}

export function lookAtJob(office: Office, { job }: { job: string }): Promise<Answer<JobState>> {
  const state = office.repairs?.look(job)
  return Promise.resolve(state ? done(state) : refused('no-such-job', text(`there is no job ${job}`, `ジョブ ${job} はありません`)))
}
