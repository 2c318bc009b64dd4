import assert from 'node:assert/strict'
import { type Socket, connect } from 'node:net'
import { test } from 'node:test'
import { textOf } from '../../base/bytes.ts'
import { type Clock, FakeClock, systemClock } from '../../base/clock.ts'
import { refuse } from '../../base/errors.ts'
import { silentLog } from '../../base/log.ts'
import { seededRandom } from '../../base/random.ts'
import { SimulatedDisk } from '../../base/simulated-disk.ts'
import { type Config, configFrom } from '../../config/config.ts'
import { allKeys } from '../../config/keys.ts'
import { bindSocket } from '../../net/bound-socket.ts'
import type { ListenAddress } from '../../net/listen-address.ts'
import { HttpDoors } from './http-doors.ts'
import { Pages } from './pages.ts'
import { Publisher } from './publisher.ts'
import { factsOfPeace, factsWithTrouble } from './status-facts-for-tests.ts'
import { type StatusPageOptions, startStatusPage } from './status-page.ts'

const LOOPBACK: ListenAddress = { host: '127.0.0.1', port: 0, family: 4 }
const naming = () => ({ title: 'Example', hostname: 'mail.example.org', url: 'https://s.example/' })

function configOf(status: Partial<Config['status']>, mode: 'serve' | 'trial' = 'serve'): Config {
  const values = new Map<string, unknown>(allKeys.map((key) => [key.name, key.default]))
  values.set('hostname', 'mail.example.org')
  const { config } = configFrom(values, [], mode === 'trial' ? undefined : 'daruma.toml')
  return { ...config, status: { ...config.status, ...status } }
}

/** Everything that comes until the other side closes. */
function ask(port: number, octets: string, { endFirst = false } = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    let got = ''
    socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(got))
    if (endFirst) socket.end(octets)
    else socket.write(octets)
  })
}

async function doorsFor<C extends Clock>(limits: { connections?: number; perMinute?: number }, clock: C) {
  const pages = new Pages({ facts: factsOfPeace, clock, naming })
  const doors = new HttpDoors({
    files: () => pages.files(), clock, log: silentLog, proxies: () => [],
    limits: () => ({ status_connections_max: limits.connections ?? 64, status_requests_per_minute_max: limits.perMinute ?? 120 }),
  })
  const bound = bindSocket(LOOPBACK)
  assert.ok(bound.ok)
  await doors.listen(bound.value)
  return { doors, port: bound.value.address.port, clock }
}

test('a page is served, whole and in pieces, with whatever comes behind it', async () => {
  const { doors, port } = await doorsFor({}, systemClock)
  try {
    const whole = await ask(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.match(whole, /^HTTP\/1\.1 200 OK\r\n/)
    assert.ok(whole.endsWith('</html>\n'))
    assert.match(await ask(port, 'GET / HTTP/1.1\r\n\r\n', { endFirst: true }), /^HTTP\/1\.1 200 OK/)
    assert.match(await ask(port, `POST / HTTP/1.1\r\nContent-Length: 50000\r\n\r\n${'x'.repeat(50_000)}`), /^HTTP\/1\.1 405 /)
    const pieces = await new Promise<string>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      let got = ''
      socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')))
      socket.on('close', () => resolve(got))
      for (const letter of 'GET /status.json HTTP/1.1\r\n\r\n') socket.write(letter)
    })
    assert.match(pieces, /^HTTP\/1\.1 200 OK/)
  } finally {
    doors.close()
  }
})

test('a head that has no end is refused at 8 KiB', async () => {
  const { doors, port } = await doorsFor({}, new FakeClock())
  try {
    assert.match(await ask(port, `GET / HTTP/1.1\r\nA: ${'x'.repeat(9000)}`), /^HTTP\/1\.1 431 /)
  } finally {
    doors.close()
  }
})

test('who says nothing is sent away after ten seconds', async () => {
  const { doors, port, clock } = await doorsFor({}, new FakeClock())
  try {
    const silent = ask(port, 'GET / HTTP/1.1\r\n')
    let isOver = false
    void silent.then(() => (isOver = true))
    for (let n = 0; n < 1000 && !isOver; n += 1) {
      clock.advance(100)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.match(await silent, /^HTTP\/1\.1 408 /)
  } finally {
    doors.close()
  }
})

test('beyond the connections that are allowed, nobody is let in; and again when one has gone', async () => {
  const { doors, port } = await doorsFor({ connections: 4 }, systemClock)
  try {
    const held = await Promise.all(Array.from({ length: 4 }, () => new Promise<ReturnType<typeof connect>>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port }, () => resolve(socket))
    })))
    // Accepted one after the other: the fifth is the one too many.
    assert.equal(await ask(port, 'GET / HTTP/1.1\r\n\r\n'), '')
    held[0]?.destroy()
    for (let n = 0; n < 100; n += 1) {
      if ((await ask(port, 'GET / HTTP/1.1\r\n\r\n')).startsWith('HTTP/1.1 200')) break
      assert.ok(n < 99, 'never let in again')
    }
    for (const socket of held) socket.destroy()
  } finally {
    doors.close()
  }
})

test('an address that asks too often is told so, and may ask again later', async () => {
  const { doors, clock } = await doorsFor({}, new FakeClock())
  // From elsewhere than loopback, which is not counted.
  class FakeSocket {
    readonly remoteAddress: string
    readonly handlers = new Map<string, ((value?: unknown) => void)[]>()
    written = ''
    constructor(remoteAddress: string) {
      this.remoteAddress = remoteAddress
    }
    on(name: string, call: (value?: unknown) => void) {
      this.handlers.set(name, [...(this.handlers.get(name) ?? []), call])
      return this
    }
    off() {
      return this
    }
    emit(name: string, value?: unknown) {
      for (const call of this.handlers.get(name) ?? []) call(value)
    }
    end(octets: Uint8Array) {
      this.written += textOf(octets)
      this.emit('close')
    }
    destroy() {
      this.emit('close')
    }
    destroySoon() {
      this.destroy()
    }
  }
  const get = (address: string) => {
    const socket = new FakeSocket(address)
    doors.admit(socket as unknown as Socket)
    socket.emit('data', Buffer.from('GET /status.json HTTP/1.1\r\n\r\n'))
    return Number(socket.written.split(' ')[1])
  }
  try {
    const codes = Array.from({ length: 130 }, () => get('192.0.2.7'))
    assert.equal(codes.filter((code) => code === 200).length, 120)
    assert.equal(codes.at(-1), 429)
    assert.equal(get('192.0.2.8'), 200, 'a neighbour is not punished')
    for (let n = 0; n < 120; n += 1) get(`2001:db8::${n.toString(16)}`)
    assert.equal(get('2001:db8::ffff'), 429, 'one /64 is one address')
    assert.equal(get('2001:db8:0:1::1'), 200)
    for (let n = 0; n < 500; n += 1) assert.equal(get('127.0.0.1'), 200)
    clock.advance(60_000)
    assert.equal(get('192.0.2.7'), 200)
  } finally {
    doors.close()
  }
})

test('a page that cannot be made is an answer, not the end', async () => {
  const clock = new FakeClock()
  const doors = new HttpDoors({
    files: () => {
      throw new Error('no page')
    }, clock, log: silentLog, proxies: () => [], limits: () => ({ status_connections_max: 64, status_requests_per_minute_max: 120 }),
  })
  const bound = bindSocket(LOOPBACK)
  assert.ok(bound.ok)
  await doors.listen(bound.value)
  try {
    assert.match(await ask(bound.value.address.port, 'GET / HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 500 /)
  } finally {
    doors.close()
  }
})

// ---------------------------------------------------------------- publishing

function publishing() {
  const clock = new FakeClock()
  const disk = new SimulatedDisk({ random: seededRandom(4) })
  const modes: string[] = []
  let facts = factsOfPeace
  const pages = new Pages({ facts: () => facts(), clock, naming })
  const publisher = new Publisher({ directory: () => '/srv/status', files: () => pages.files(), disk, openToAll: (path, mode) => void modes.push(`${path} ${mode.toString(8)}`), clock, log: silentLog })
  const read = (name: string) => textOf(disk.readWhole(`/srv/status/${name}`))
  return { clock, disk, modes, pages, publisher, read, trouble: () => (facts = factsWithTrouble) }
}

test('the page is published at the start, soon after a change, and every five minutes', () => {
  const { clock, disk, modes, pages, publisher, read, trouble } = publishing()
  clock.advance(1000)
  assert.deepEqual(disk.list('/srv/status').filter((name) => !name.startsWith('.')), ['index.html', 'index.ja.html', 'status.ja.rss', 'status.json', 'status.rss'])
  assert.ok(read('index.html').includes('All services work.'))
  assert.ok(modes.includes('/srv/status 755') && modes.filter((one) => one.endsWith(' 644')).length === 5)
  trouble()
  pages.changed()
  publisher.changed()
  clock.advance(1000)
  assert.ok(read('index.html').includes('Some services are down.'))
  const before = read('index.html')
  clock.advance(5 * 60_000)
  assert.notEqual(read('index.html'), before)
})

test('a directory that takes nothing is tried again, and what is there stays whole', () => {
  const { clock, disk, pages, publisher, read, trouble } = publishing()
  clock.advance(1000)
  trouble()
  disk.capacityOctets = disk.usedOctets()
  pages.changed()
  publisher.changed()
  clock.advance(1000)
  assert.ok(read('index.html').endsWith('</html>\n'))
  disk.capacityOctets = Infinity
  clock.advance(31_000)
  assert.ok(read('index.html').includes('Some services are down.'))
})

test('the last state is published at the end', () => {
  const { clock, pages, publisher, read, trouble } = publishing()
  clock.advance(1000)
  trouble()
  pages.changed()
  publisher.close()
  assert.ok(read('status.json').includes('"status": "down"'))
})

// ---------------------------------------------------------------- all of it

const options = (config: Config, change: Partial<StatusPageOptions> = {}): StatusPageOptions => ({
  config, facts: factsOfPeace, clock: new FakeClock(), log: silentLog, disk: new SimulatedDisk({ random: seededRandom(2) }), openToAll: () => undefined, bind: bindSocket, ...change,
})

test('off when nothing is to be listened on', async () => {
  const page = await startStatusPage(options(configOf({})))
  assert.deepEqual(page.addresses(), [])
  page.close()
})

test('it says where it listens, and a reload changes its title', async () => {
  const page = await startStatusPage(options(configOf({ listen: [{ host: '127.0.0.1', port: 0 }] })))
  try {
    const port = page.addresses()[0]?.port ?? 0
    assert.match(await ask(port, 'GET / HTTP/1.1\r\n\r\n'), /Status of mail\.example\.org/)
    page.reconfigure(configOf({ title: 'Example Mail', publicUrl: 'https://status.example.org' }))
    assert.match(await ask(port, 'GET / HTTP/1.1\r\n\r\n'), /Status of Example Mail/)
    assert.match(await ask(port, 'GET /status.rss HTTP/1.1\r\n\r\n'), /<link>https:\/\/status\.example\.org\/index\.html</)
  } finally {
    page.close()
  }
})

test('trial mode takes a port nearby, a config waits for its own', async () => {
  const asked: number[] = []
  const taken = (free: number) => (address: ListenAddress) => {
    asked.push(address.port)
    return address.port === free ? bindSocket({ ...address, port: 0 }) : refuse('port-taken', 'taken')
  }
  const listen = [{ host: '127.0.0.1', port: 2080 }]
  const trial = await startStatusPage(options(configOf({ listen }, 'trial'), { bind: taken(2083) }))
  assert.deepEqual(asked, [2080, 2081, 2082, 2083])
  assert.equal(trial.addresses().length, 1)
  trial.close()

  asked.length = 0
  const clock = new FakeClock()
  let free = -1
  const page = await startStatusPage(options(configOf({ listen }), { clock, bind: (address) => taken(free)(address) }))
  assert.deepEqual(page.addresses(), [])
  free = 2080
  clock.advance(30_000)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(asked, [2080, 2080])
  assert.equal(page.addresses().length, 1)
  page.close()
})
