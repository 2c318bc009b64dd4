// placeholder
import type { FrontRooms, FrontThing } from './front-rooms.ts'
export async function openQueue(_rooms: FrontRooms): Promise<FrontThing> {
  return { reload() {}, stop: () => Promise.resolve() }
}
