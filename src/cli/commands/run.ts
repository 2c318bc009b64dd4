// daruma trial and daruma serve: the commands that are the server.
import { text } from '../../base/language.ts'
import { EXIT } from '../../admin/admin.ts'
import { type Command, type OptionSpec, sayTrouble } from '../command.ts'
import { listenOption } from '../listen-option.ts'
import { configFile, loadConfig } from '../load-config.ts'
import { becomeServer } from '../become-server.ts'
import { trialAccount, trialScreen } from '../trial.ts'

const aloneOption: OptionSpec = {
  name: 'alone',
  meaning: text('Without a supervisor: nothing starts the server again when it dies, and nobody is at the door meanwhile. Always so on Windows.', 'スーパーバイザーなしで動かします。サーバーが落ちても再起動されず、その間は誰も応答しません。Windows では常にこうなります。'),
}

export const runCommands: readonly Command[] = [
  {
    name: 'trial',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [listenOption, aloneOption],
    summary: text('Run a server to try, without any config', '設定なしでサーバーを試す'),
    details: text(
      'Listens on loopback only (SMTP 2525, submission 2587 and 2465, IMAP 2143 and 2993), with a self-signed certificate, the domain localhost.example and one account. Everything is kept in $DARUMA_DATA or "data" beside the program: the account and its password in trial.txt, the real ports in ports.json.',
      'ループバックだけで待ち受けます（SMTP 2525、サブミッション 2587 と 2465、IMAP 2143 と 2993）。自己署名証明書、ドメイン localhost.example、アカウント一つで動きます。データは $DARUMA_DATA、またはプログラムの横の「data」に置きます。アカウントとパスワードは trial.txt、実際のポートは ports.json にあります。',
    ),
    examples: ['daruma trial', 'daruma trial --listen smtp=127.0.0.1:0 --listen submissions=off'],
    async run(context) {
      if (context.line.value('config') !== undefined) {
        sayTrouble(context, context.say.trialTakesNoConfig)
        return EXIT.usage
      }
      // Trial mode is what it is, also where a config is named in the environment.
      const inTrial = { ...context, env: { ...context.env, DARUMA_CONFIG: undefined } }
      const found = loadConfig(inTrial)
      if (!found.ok) return found.exit
      const { data } = found.loaded.config
      return becomeServer(inTrial, {
        loaded: found.loaded,
        acceptLoss: false,
        whenUp: async (office, listeners) => {
          const account = await trialAccount(office, data)
          context.out(trialScreen({ account, listeners, data, say: context.say }))
        },
      })
    },
  },
  {
    name: 'serve',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [
      listenOption,
      aloneOption,
      { name: 'accept-loss', meaning: text('Start although a mirror of the journal is missing; what only it held is lost.', 'ジャーナルのミラーが欠けていても起動します。そこにしかない記録は失われます。') },
    ],
    summary: text('Run the server', 'サーバーを動かす'),
    details: text(
      'SIGTERM (or "daruma stop") stops it, SIGHUP (or "daruma reload") reads the config again. The log goes to standard error, one JSON object a line. After an I/O error it ends at once with exit code 74 and acknowledges nothing more.',
      'SIGTERM（または「daruma stop」）で止まり、SIGHUP（または「daruma reload」）で設定を読み直します。ログは標準エラーに、一行に一つの JSON で出ます。入出力エラーのときはただちに終了コード 74 で終わり、それ以降は何も確認応答しません。',
    ),
    examples: ['daruma serve --config /etc/daruma/daruma.toml'],
    async run(context) {
      if (configFile(context) === undefined) {
        sayTrouble(context, context.say.serveNeedsConfig)
        return EXIT.usage
      }
      const found = loadConfig(context)
      if (!found.ok) return found.exit
      return becomeServer(context, { loaded: found.loaded, acceptLoss: context.line.flag('accept-loss'), whenUp: async () => undefined })
    },
  },
]
