// What still names an address when its account or alias is deleted: aliases, and catch-alls of domains. The operator
// deletes on purpose and is obeyed, but is told of them: one whose every target has gone refuses its mail for good.
import { addressKey, type Directory } from '../store/store.ts'

export interface LeftBehind {
  /** An alias, or "*@domain" for a catch-all. */
  readonly address: string
  /** No target is left: mail for it is refused as for an unknown user. */
  readonly leadsNowhere: boolean
}

/** Looked at before the deletion of `key` or after it: the answer is the same. */
export function leftBehind(directory: Directory, key: string): LeftBehind[] {
  const isThere = (target: string) => {
    const wanted = addressKey(target)
    const isOurs = directory.domain(wanted.slice(wanted.lastIndexOf('@') + 1)) !== undefined
    return wanted !== key && (!isOurs || directory.accountByKey(wanted) !== undefined || directory.aliasByKey(wanted) !== undefined)
  }
  const naming = [
    ...[...directory.aliases()].map(({ address, targets }) => ({ address, targets })),
    ...[...directory.domains()].map(({ name, catchAll }) => ({ address: `*@${name}`, targets: catchAll === null ? [] : [catchAll] })),
  ].filter(({ address, targets }) => addressKey(address) !== key && targets.some((target) => addressKey(target) === key))
  return naming
    .map(({ address, targets }) => ({ address, leadsNowhere: !targets.some(isThere) }))
    .sort((a, b) => (a.address < b.address ? -1 : 1))
}
