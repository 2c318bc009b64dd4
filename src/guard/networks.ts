// Who counts as one neighbour: an IPv4 address, an IPv6 /64 (one customer); and the network around it: an IPv4 /24,
// an IPv6 /48 (one site). Pure; addresses as Node prints them, IPv4 already out of its IPv6 wrapping.

/** One peer: an IPv4 address, or the first four groups of an IPv6 address. */
export function neighbourKey(address: string): string {
  return address.includes(':') ? groupsOf(address).slice(0, 4).join(':') : address
}

/** Its network, written so that it is never a neighbour's key. */
export function networkKey(address: string): string {
  if (address.includes(':')) return `${groupsOf(address).slice(0, 3).join(':')}/48`
  return `${address.slice(0, address.lastIndexOf('.'))}/24`
}

/** This machine itself: a proxy, a script, a test. It may come as often as it likes, and is never banned. */
export function isThisMachine(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}

function groupsOf(address: string): string[] {
  const [head = '', tail] = address.split('::', 2)
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':')
    while (groups.length + after.length < 8) groups.push('0')
    groups.push(...after)
  }
  return groups.map((group) => group.replace(/^0+(?=.)/, ''))
}
