// Lists the tests that were skipped, one a line with the reason, for test/run.sh.
interface TestEvent {
  type: string
  data: { name?: string; skip?: string | boolean; file?: string }
}

export default async function* skips(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if ((type === 'test:pass' || type === 'test:fail') && data.skip !== undefined && data.skip !== false) {
      yield `  ${data.name ?? '(nameless)'}: ${data.skip === true || data.skip === '' ? 'no reason given' : data.skip}\n`
    }
  }
}
