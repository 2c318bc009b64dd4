// A size for people's eyes: three digits and a unit.

export function shownSize(octets: number): string {
  const units = ['', 'K', 'M', 'G', 'T']
  let unit = 0
  let value = octets
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)}${units[unit] ?? ''}`
}
