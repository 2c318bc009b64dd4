// daruma config …
import { text } from '../../base/language.ts'
import { EXIT } from '../../admin/admin.ts'
import { configReference } from '../../config/reference.ts'
import { checkFiles } from '../check-files.ts'
import { type Command, sayLine, sayTrouble } from '../command.ts'
import { configFile, loadConfig } from '../load-config.ts'

export const configCommands: readonly Command[] = [
  {
    name: 'config check',
    operands: '[FILE]',
    operandsMin: 0,
    operandsMax: 1,
    options: [],
    summary: text('Read the config and say what is wrong with it; changes nothing', '設定ファイルを調べる（何も変えない）'),
    details: text('Exit code 0 when it is good, 78 when it is not. Certificates and password files that it names are opened as well.', '正しければ終了コード 0、誤りがあれば 78。設定が指す証明書やパスワードのファイルも開いて調べます。'),
    examples: ['daruma config check --config /etc/daruma/daruma.toml'],
    async run(context) {
      const file = context.line.operands[0] ?? configFile(context)
      if (file === undefined) {
        sayTrouble(context, context.say.noConfigToCheck)
        return EXIT.usage
      }
      const { line } = context
      const found = loadConfig({ ...context, line: { ...line, value: (name) => (name === 'config' ? file : line.value(name)) } })
      if (!found.ok) return found.exit
      const findings = checkFiles(found.loaded.config, { say: context.say, nowMs: context.clock.nowMs() })
      for (const warning of findings.warnings) context.err(`${context.say.configWarning(file, warning)}\n`)
      for (const error of findings.errors) context.err(`${context.say.configError(file, error)}\n`)
      if (findings.errors.length > 0) return EXIT.config
      sayLine(context, context.say.configGood(file))
      return EXIT.done
    },
  },
  {
    name: 'config reference',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [],
    summary: text('Print every key of the config with type, default, meaning and example', '設定のすべてのキーを、型・既定値・意味・例とともに表示する'),
    async run(context) {
      context.out(configReference(context.language))
      return EXIT.done
    },
  },
]
