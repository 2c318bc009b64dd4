#!/bin/sh
# npm test: type check, lint, then all tests. Those in src/ share one process; those in test/ have one each.
# With CI=true a skipped test is a failure, except those that name `shared`, `root` or `loop` as missing.
cd "$(dirname "$0")/.." || exit 1
PATH="$PWD/node_modules/.bin:$PATH"
export PATH UV_USE_IO_URING=0
skips=$(mktemp) || exit 1
trap 'rm -f "$skips"' EXIT
failed=0
tsc --noEmit -p . || failed=1
oxlint --type-aware --quiet src test || failed=1
reporters="--test-reporter=spec --test-reporter-destination=stdout --test-reporter=./test/skip-reporter.ts --test-reporter-destination=$skips"
# shellcheck disable=SC2086 # a list of options
run() { node --test --test-timeout=300000 $reporters "$@" || failed=1; cat "$skips" >>"$skips.all"; }
: >"$skips.all"
run --test-isolation=none 'src/**/*.test.ts'
run --test-concurrency=2 'test/**/*.test.ts'
if [ -s "$skips.all" ]; then
  echo "skipped:"
  cat "$skips.all"
  if [ "${CI:-}" = true ] && grep -vqE '\b(shared|root|loop)\b' "$skips.all"; then
    echo "with CI=true these skips are failures:"
    grep -vE '\b(shared|root|loop)\b' "$skips.all"
    failed=1
  fi
fi
rm -f "$skips.all"
exit "$failed"
