#!/bin/bash
# Mail in, us against Postfix + Dovecot (LMTP, Maildir, fsync always), in turns on this machine:
#   bench/inbound.sh [ROUNDS]            needs root, postfix, dovecot-imapd, dovecot-pop3d, dovecot-lmtpd, python3
# The load and the peers are the scripts in $SHARED_BENCH (default ../shared/bench). One JSON line a run goes to
# $OUT (default /tmp/daruma-bench/inbound.jsonl); medians and ratios are printed at the end.
# Each side: a warm-up of 5 s, then a run of at least 10 s (counts are set for that; see CASES). One session sends at
# most limits.session_messages_max messages (10,000), which is why the one with one session is not longer.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
shared=${SHARED_BENCH:-$here/../../shared/bench}
rounds=${1:-5}
work=${WORK:-/tmp/daruma-bench}
out=${OUT:-$work/inbound.jsonl}
export PEERS=${PEERS:-$work/peers}
# size sessions  our count  their count  our warm-up  their warm-up
CASES=${CASES:-"4096 50 60000 4000 20000 1500
4096 1 10000 3500 5000 1500
102400 50 15000 3000 5000 1500
4096 200 60000 4000 20000 1500"}
mkdir -p "$work" "$PEERS"
: >"$out"

ours_start() {
  data=$work/data
  rm -rf "$data"
  mkdir -p "$data"
  cat >"$work/daruma.toml" <<C
hostname = "test.example"
data = "$data"
[listen]
smtp = "127.0.0.1:12525"
imap = "127.0.0.1:12143"
submission = "off"
submissions = "off"
imaps = "off"
C
  for i in 1 2 3 4 5 6 7 8 9 10; do
    echo password | "$here/../bin/daruma" account add "u$i@test.example" --password-stdin --config "$work/daruma.toml" >/dev/null
  done
  "$here/../bin/daruma" serve --config "$work/daruma.toml" >"$work/daruma.log" 2>&1 &
  ours=$!
  "$here/../bin/daruma" status --wait 30 --config "$work/daruma.toml" >/dev/null
}
ours_stop() {
  kill "$ours"
  wait "$ours" || true
}
theirs_start() {
  rm -rf "$PEERS/dovecot-maildir" "$PEERS/postfix"
  (cd "$shared/peers" && ./dovecot.sh start maildir always && ./postfix.sh start) >/dev/null 2>&1
  sleep 1
}
theirs_stop() {
  (cd "$shared/peers" && ./postfix.sh stop; ./dovecot.sh stop maildir) >/dev/null 2>&1 || true
}
run() { # side size sessions count
  if [ "$1" = ours ]; then
    PEER=daruma ROOTPIDS=$ours CGROUP='' COUNT_CMD="python3 $here/control.py $work/data status messagesTotal" "$shared/smtp_bench.sh" 127.0.0.1:12525 "$3" "$4" "$2" keep 10
  else
    ROOTPIDS="$(cd "$shared/peers" && ./postfix.sh pid) $(cd "$shared/peers" && ./dovecot.sh pid maildir)" PEER=postfix+dovecot \
      COUNT_CMD="grep -c 'saved mail to INBOX' $PEERS/dovecot-maildir/log/info.log" CGROUP=${CGROUP:-/sys/fs/cgroup/cpuacct/peers} \
      "$shared/smtp_bench.sh" 127.0.0.1:11025 "$3" "$4" "$2" keep 10
  fi
}

for round in $(seq "$rounds"); do
  while read -r size sessions our_count their_count our_warm their_warm; do
    ours_start
    run ours "$size" "$sessions" "$our_warm" >/dev/null
    run ours "$size" "$sessions" "$our_count" | tee -a "$out"
    ours_stop
    theirs_start
    run theirs "$size" "$sessions" "$their_warm" >/dev/null
    run theirs "$size" "$sessions" "$their_count" | tee -a "$out"
    theirs_stop
  done <<<"$CASES"
done

python3 - "$out" <<'PY'
import json, statistics, sys
runs = [json.loads(line) for line in open(sys.argv[1])]
cases = sorted({(r["size"], r["sessions"]) for r in runs})
print("size sessions | ours/s theirs/s ratio | CPU ms/message ours theirs | peak PSS MiB ours theirs")
for size, sessions in cases:
    mine = [r for r in runs if (r["size"], r["sessions"], r["peer"]) == (size, sessions, "daruma")]
    other = [r for r in runs if (r["size"], r["sessions"]) == (size, sessions) and r["peer"] != "daruma"]
    med = lambda rows, key: statistics.median(r[key] for r in rows) if rows else float("nan")
    ratios = [a["final_per_s"] / b["final_per_s"] for a, b in zip(mine, other) if b["final_per_s"]]
    print(size, sessions, "|", med(mine, "final_per_s"), med(other, "final_per_s"), round(statistics.median(ratios), 1) if ratios else "-",
          "|", med(mine, "cpu_s_per_1000"), med(other, "cpu_s_per_1000"), "|", med(mine, "peak_pss_mib"), med(other, "peak_pss_mib"))
PY
