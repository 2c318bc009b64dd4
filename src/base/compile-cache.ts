// Keeps what was made of the TypeScript sources (NODE_COMPILE_CACHE, set by bin/daruma) as soon as a thread is up: a
// process that is killed later would not write it. Stripping types anew in each of the threads costs some 70 MiB.
import { flushCompileCache } from 'node:module'

export function keepCompiled(): void {
  flushCompileCache()
}
