// Every command, in the order in which the help shows them.
import type { Command } from './command.ts'
import { accountCommands } from './commands/account.ts'
import { aliasCommands } from './commands/alias.ts'
import { checkCommands } from './commands/check.ts'
import { configCommands } from './commands/config.ts'
import { domainCommands } from './commands/domain.ts'
import { helpCommands } from './commands/help.ts'
import { incidentCommands } from './commands/incidents.ts'
import { maintenanceCommands } from './commands/maintenance.ts'
import { pauseCommands } from './commands/pause.ts'
import { queueCommands, traceCommands } from './commands/queue.ts'
import { repairCommands } from './commands/repair.ts'
import { runCommands } from './commands/run.ts'
import { steerCommands } from './commands/steer.ts'

export const commandTable = (): readonly Command[] => [
  ...runCommands, ...steerCommands, ...pauseCommands, ...accountCommands, ...aliasCommands, ...domainCommands, ...queueCommands, ...traceCommands, ...incidentCommands, ...maintenanceCommands, ...checkCommands, ...repairCommands, ...configCommands, ...helpCommands,
]
