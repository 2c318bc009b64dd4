// Sizes and times as people write them: "50M", "64 KiB", "5m", "1h30m". Pure.
// K, M, G, T are powers of 1,024, as disks and mail servers mean them.

const SIZE_UNITS: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }
const TIME_UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3600_000, d: 24 * 3600_000, w: 7 * 24 * 3600_000 }

/** Octets of "52428800", "50M", "1.5 GiB"; undefined when it is no size. */
export function parseSizeText(words: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([kmgt]?)(?:i?b)?$/i.exec(words.trim())
  if (!match) return undefined
  const octets = Number(match[1]) * (SIZE_UNITS[(match[2] ?? '').toLowerCase()] ?? 1)
  return Number.isSafeInteger(octets) ? octets : undefined
}

/** Milliseconds of "250ms", "5m", "1h30m", "4d"; undefined when it is no time. A unit is always asked for. */
export function parseDurationText(words: string): number | undefined {
  const compact = words.replace(/\s+/g, '').toLowerCase()
  if (!/^(?:\d{1,12}(?:ms|[smhdw]))+$/.test(compact)) return undefined
  let total = 0
  for (const [, count, unit] of compact.matchAll(/(\d+)(ms|[smhdw])/g)) total += Number(count) * (TIME_UNITS[unit ?? ''] ?? 0)
  return Number.isSafeInteger(total) ? total : undefined
}

/** The shortest exact way to write a size in the config: 52428800 → "50M". */
export function printSize(octets: number): string {
  for (const unit of ['t', 'g', 'm', 'k']) {
    const one = SIZE_UNITS[unit] ?? 1
    if (octets >= one && octets % one === 0) return `${octets / one}${unit.toUpperCase()}`
  }
  return String(octets)
}

/** The shortest exact way to write a time in the config: 300000 → "5m". */
export function printDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const one = TIME_UNITS[unit] ?? 1
    if (ms >= one && ms % one === 0) return `${ms / one}${unit}`
  }
  return `${ms}ms`
}
