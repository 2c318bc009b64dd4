// npm run torture: the server under load from senders and IMAP writers, killed at random moments and at named
// crash points, or cut off from its disk, again and again; after each restart the ledger is compared.
//   --kills N        random SIGKILLs, with a SIGTERM now and then (default 200)
//   --points         also kill at every named crash point; --point NAME for some of them (may be given often)
//   --cuts N         power cuts (xfs_io shutdown on a loop image); needs root, loop devices, xfsprogs
//   --fs xfs|ext4    file system of the cuts (default xfs)
//   --damage         delete or garble an account database before some restarts
//   --load MS        longest load before a kill (default 1500)
//   --seed N         (default: by chance; printed)
// Ends with 1 when anything was lost, doubled, renumbered or damaged.
import { parseArgs } from 'node:util'
import { torture } from './rounds.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' }, points: { type: 'boolean', default: false }, point: { type: 'string', multiple: true, default: [] },
    cuts: { type: 'string', default: '0' }, fs: { type: 'string', default: 'xfs' }, damage: { type: 'boolean', default: false },
    load: { type: 'string', default: '1500' }, seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
  },
})
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
const seed = Number(values.seed)
console.log(`seed ${seed}`)
const result = await torture({
  kills: Number(values.kills), points: values.points ? 'all' : values.point, cuts: Number(values.cuts), fs: values.fs === 'ext4' ? 'ext4' : 'xfs', damage: values.damage,
  loadMsMax: Number(values.load), seed, signal: stop.signal, say: (line) => console.log(line),
})
console.log(
  `seed ${seed}: ${result.rounds} rounds, ${result.acknowledged} messages acknowledged, ${result.changes} changes by IMAP acknowledged, ${result.uidsSeen} UIDs seen, ` +
  `${result.submitted} submissions relayed (${result.sentTwice} sent again after a crash), ${result.pointsReached} crash points reached, ${result.findings.length} findings`,
)
if (result.pointsMissed.length > 0) console.log(`crash points that never came by: ${result.pointsMissed.join(', ')}`)
for (const finding of result.findings) console.log(`  ${finding}`)
process.exitCode = result.findings.length === 0 ? 0 : 1
