// Has the supervisor carry out an operation, through its own control socket. It answers also while the server is away.
import { join } from 'node:path'
import { sameText } from '../base/language.ts'
import { type Answer, EXIT, SUPERVISOR_SOCKET, refusalOf, refused } from '../admin/admin.ts'
import type { Config } from '../config/config.ts'
import type { Context } from './command.ts'
import { askServer } from './control-client.ts'

/** 'nobody': no supervisor runs on this data. */
export async function askSupervisor(context: Context, config: Config, command: string, args: unknown): Promise<Answer<unknown> | 'nobody'> {
  try {
    const asked = await askServer(join(config.data, SUPERVISOR_SOCKET), command, args)
    if (asked.at === 'nobody') return 'nobody'
    return asked.at === 'answered' ? asked.answer : refused('cut-off', sameText(context.say.cutOff), EXIT.tryAgain)
  } catch (error) {
    return refusalOf(error)
  }
}
