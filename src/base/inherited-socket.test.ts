import assert from 'node:assert/strict'
import { createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { parseSocketTable, placeOfSocket } from './inherited-socket.ts'

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:5E4F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 00000000:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0
`
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:03E1 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0000000000000000 100 0 0 10 0
   1: B80D0120000000000000000001000000:008F 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0000000000000000 100 0 0 10 0
`

test('rows of /proc/net/tcp and tcp6', () => {
  assert.deepEqual(parseSocketTable(TCP, '4711', true), { address: '127.0.0.1', port: 24_143 })
  assert.deepEqual(parseSocketTable(TCP, '4712', true), { address: '0.0.0.0', port: 25 })
  assert.deepEqual(parseSocketTable(TCP6, '99', true), { address: '::', port: 993 })
  assert.deepEqual(parseSocketTable(TCP6, '100', true), { address: '2001:db8::1', port: 143 })
  assert.equal(parseSocketTable(TCP, '1', true), undefined)
})

test('a socket of this process is found', { skip: process.platform !== 'linux' && 'Linux only' }, async (t) => {
  const server = createServer()
  t.after(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle
  assert.deepEqual(placeOfSocket(fd), { address: '127.0.0.1', port: (server.address() as AddressInfo).port })
})
