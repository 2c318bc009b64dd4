// "serve" and "trial": this process becomes the supervisor of a server, or the server itself (started by a supervisor,
// or alone).
import { EXIT, type ExitCode } from '../admin/admin.ts'
import { SupervisorLink } from '../server/supervisor-link.ts'
import type { Context } from './command.ts'
import type { RunOptions } from './run-server.ts'

export async function becomeServer(context: Context, options: Omit<RunOptions, 'link'>): Promise<ExitCode> {
  // Each is loaded only where it is needed: the supervisor stays small.
  if (context.channel) {
    const link = await SupervisorLink.open(context.channel, () => context.exitNow(EXIT.tryAgain))
    const { runServer } = await import('./run-server.ts')
    return runServer(context, { ...options, link, whenUp: async (office, listeners) => (link.hello.isFirst ? options.whenUp(office, listeners) : undefined) })
  }
  if (context.line.flag('alone') || process.platform === 'win32') {
    const { runServer } = await import('./run-server.ts')
    return runServer(context, options)
  }
  const { runSupervised } = await import('./run-supervised.ts')
  return runSupervised(context, options.loaded)
}
