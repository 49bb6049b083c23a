"""
Commands that go on when their connection ends.

The command runs in a session of its own and leaves its output and exit code in a private folder on
its host; a waiting shell streams them and removes the folder once the result was taken. Where the
connection was lost in between, carrying out the same command again attaches to it, or takes its result. A
shell may outlive its connection and wait on, so only the one that came last takes the result.
"""

import json
from hashlib import sha256
from typing import Final, Literal

from ..ops import Command
from .base import HostReader

_PLACE: Final = "d=${XDG_STATE_HOME:-$HOME/.local/state}/rollbook/detached/$1\n"
_RUN: Final = """\
d=$1; shift
echo $$ >"$d/pid"
"$@" <"$d/in" >"$d/out" 2>&1
echo $? >"$d/rc.new"
mv "$d/rc.new" "$d/rc"
"""
_WAIT: Final = (
    _PLACE
    + """\
run=$2; shift 2
end() {
  p=$(cat "$d/pid" 2>/dev/null) || exit 143
  kill -15 "-$p" 2>/dev/null
  for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do kill -0 "-$p" 2>/dev/null || break; sleep 0.2; done
  kill -9 "-$p" 2>/dev/null
  rm -rf -- "$d"
  exit 143
}
(umask 077; mkdir -p -- "${d%/*}") || exit
if (umask 077; mkdir -- "$d") 2>/dev/null; then new=1; else new=; fi
echo $$ >"$d/waiter"
if [ "$new" ]; then
  cat >"$d/in"; : >"$d/out"
  setsid sh -c "$run" sh "$d" "$@" </dev/null >/dev/null 2>&1 &
  sleep 0.05
fi
trap end TERM
n=0 quiet=0
show() {
  size=$(wc -c <"$d/out")
  if [ "$size" -gt "$n" ]; then tail -c "+$((n + 1))" "$d/out" | head -c "$((size - n))"; n=$size; fi
}
last() {
  [ "$(cat "$d/waiter" 2>/dev/null)" = $$ ] || { echo "another waits for it since" >&2; exit 255; }
}
while [ ! -e "$d/rc" ]; do
  last
  show
  p=$(cat "$d/pid" 2>/dev/null)
  if [ -z "$p" ] || ! kill -0 "$p" 2>/dev/null; then quiet=$((quiet + 1)); else quiet=0; fi
  if [ "$quiet" -gt 10 ]; then echo "it is gone and left no exit code" >&2; rm -rf -- "$d"; exit 255; fi
  sleep 0.2
done
last
show
code=$(cat "$d/rc")
rm -rf -- "$d"
exit "$code"
"""
)
_LOOK: Final = (
    _PLACE
    + """\
if [ -e "$d/rc" ]; then exec cat "$d/rc"; fi
if [ -e "$d/pid" ] && kill -0 "$(cat "$d/pid")" 2>/dev/null; then exec echo running; fi
if [ -d "$d" ]; then exec echo gone; fi
echo never
"""
)


def _key(op: Command) -> str:
    known = json.dumps((op.target, op.argv, op.shell, op.directory, op.run_as, op.stdin))
    return sha256(known.encode()).hexdigest()[:24]


def detached(op: Command, argv: tuple[str, ...]) -> tuple[str, ...]:
    """Give the command that starts *argv* on its own, or finds it there, and waits for its result."""
    return ("sh", "-c", _WAIT, "sh", _key(op), _RUN, *argv)


def detached_state(host: HostReader, op: Command) -> int | Literal["never", "running", "gone"]:
    """
    Tell how a detached command stands.

    Its exit code where it ended unseen, `running`, `gone` (it was killed, or its host restarted), or `never`
    where it was not started or its result was taken.
    """
    found = host.run(("sh", "-c", _LOOK, "sh", _key(op)), timeout=30.0).stdout.strip()
    match found:
        case "never" | "running" | "gone":
            return found
    return int(found)
