import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCommandLine, usageOf } from './command-line.ts'
import { commandTable } from './command-table.ts'
import { catalogue, languageOf } from './language.ts'

const say = catalogue('en')
const parse = (...argv: string[]) => parseCommandLine(argv, commandTable(), say)

function running(...argv: string[]) {
  const understood = parse(...argv)
  assert.equal(understood.what, 'run', JSON.stringify(understood))
  return understood as Extract<typeof understood, { what: 'run' }>
}

test('commands are found by one word or two, options stand anywhere', () => {
  const one = running('--config', '/etc/d.toml', 'account', '--json', 'list')
  assert.equal(one.command.name, 'account list')
  assert.equal(one.line.value('config'), '/etc/d.toml')
  assert.equal(one.line.flag('json'), true)
  assert.equal(one.line.flag('help'), false)
  const two = running('alias', 'add', 'a@x.example', 'b@x.example', 'c@x.example')
  assert.deepEqual(two.line.operands, ['a@x.example', 'b@x.example', 'c@x.example'])
  const three = running('trial', '--listen=smtp=127.0.0.1:0', '--listen', 'imap=off')
  assert.deepEqual(three.line.values('listen'), ['smtp=127.0.0.1:0', 'imap=off'])
  assert.deepEqual(running('trace', '--', '--odd@x.example').line.operands, ['--odd@x.example'])
})

test('help and version', () => {
  assert.deepEqual(parse(), { what: 'help', topic: '' })
  assert.deepEqual(parse('--help'), { what: 'help', topic: '' })
  assert.deepEqual(parse('account', '-h'), { what: 'help', topic: 'account' })
  assert.deepEqual(parse('account', 'add', '--help'), { what: 'help', topic: 'account add' })
  assert.deepEqual(parse('--version'), { what: 'version' })
})

test('each mistake is said, with what was probably meant', () => {
  const table: [argv: string[], expected: RegExp][] = [
    [['acount', 'list'], /there is no command "acount"\n {2}did you mean "account"\?/],
    [['account', 'lsit'], /there is no command "account lsit"\n {2}did you mean "account list"\?/],
    [['account'], /something is missing; usage: daruma account add\|list\|/],
    [['qqqqqqqqqqqq'], /there is no command "qqqqqqqqqqqq"\n {2}"daruma help" lists all commands/],
    [['account', 'list', '--jsno'], /"account list" has no option --jsno\n {2}did you mean "--json"\?/],
    [['account', 'list', '--quota', '1G'], /"account list" has no option --quota/],
    [['account', 'list', '-x'], /"account list" has no option -x/],
    [['account', 'list', '--json=yes'], /--json takes no value/],
    [['account', 'list', '--config'], /--config needs a value: --config FILE/],
    [['status', '--wait', '1', '--wait', '2'], /--wait is given twice/],
    [['account', 'add'], /something is missing; usage: daruma account add ADDRESS/],
    [['account', 'list', 'x'], /too many words; usage: daruma account list/],
  ]
  for (const [argv, expected] of table) {
    const understood = parse(...argv)
    assert.equal(understood.what, 'mistake', argv.join(' '))
    assert.match(understood.what === 'mistake' ? understood.sentence : '', expected)
  }
})

test('one name means one kind of option in all commands', () => {
  const kinds = new Map<string, boolean>()
  for (const command of commandTable()) {
    for (const option of command.options) {
      const takesValue = option.placeholder !== undefined
      assert.equal(kinds.get(option.name) ?? takesValue, takesValue, `--${option.name}`)
      kinds.set(option.name, takesValue)
    }
  }
})

test('usage lines', () => {
  const add = commandTable().find((command) => command.name === 'account add')
  assert.equal(add && usageOf(add), 'daruma account add ADDRESS [--password-stdin] [--quota SIZE] [--json]')
})

test('the language follows the locale', () => {
  assert.equal(languageOf({ LANG: 'ja_JP.UTF-8' }), 'ja')
  assert.equal(languageOf({ LANG: 'ja' }), 'ja')
  assert.equal(languageOf({ LANG: 'ja_JP.UTF-8', LC_ALL: 'C' }), 'en')
  assert.equal(languageOf({ LANG: 'jam_JM' }), 'en')
  assert.equal(languageOf({}), 'en')
})

test('every Japanese sentence is Japanese', () => {
  const [en, ja] = [catalogue('en'), catalogue('ja')] as Record<string, unknown>[]
  for (const name of Object.keys(en ?? {})) {
    // The line that scripts read is the same in every language.
    if (name === 'passwordLine' || name === 'trialDoors') continue
    const said = ja?.[name]
    const words = typeof said === 'function' ? String((said as (...words: string[]) => string)('a', 'b', 'c')) : String(said)
    assert.match(words, /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}：]/u, name)
  }
  for (const command of commandTable()) assert.match(command.summary.ja, /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u, command.name)
})
