"""What a folder of backups or snapshots holds, as `postgres.shelf.listed` reads it."""

from typing import Final

from ..errors import TargetError
from .absence import ABSENCE, ABSENT
from .base import HostReader

_SECONDS: Final = 600.0
# Of each entry: what it is, its size in KiB, when it was last written to, its first bytes, and its name.
_LISTING: Final = (
    ABSENCE
    + """\
[ -e "$1" ] || absent -L -- "$1"
if ! [ -d "$1" ]; then echo 'it is no folder' >&2; exit 1; fi
if ! [ -r "$1" ] || ! [ -x "$1" ]; then echo 'Permission denied' >&2; exit 1; fi
cd -- "$1" || exit 1
for name in * .*.partial; do
  head= last=$name
  case $name in
    .*.partial) if [ ! -d "$name" ]; then continue; fi; kind=partial ;;
    *) kind= ;;
  esac
  if [ "$kind" = partial ]; then :
  elif [ -f "$name/manifest.json" ]; then kind=rollbook last=$name/manifest.json
  elif [ -f "$name/toc.dat" ]; then kind=directory last=$name/toc.dat
  elif [ -f "$name" ]; then
    kind=file head=$(od -A n -t x1 -N 5 -- "$name" | tr -d ' \\n')
  else continue
  fi
  set -- $(du -skL -- "$name") 0
  printf '%s\\t%s\\t%s\\t%s\\t%s\\000' "$kind" "$1" "$(stat -L -c %Y -- "$last")" "$head" "$name"
done
exit 0
"""
)


def list_saved(host: HostReader, folder: str) -> str:
    """List *folder*; empty where there is none. Raises `TargetError` where the account may not look into it."""
    found = host.run(("sh", "-c", _LISTING, "sh", folder), timeout=_SECONDS)
    if found.exited == ABSENT:
        return ""
    if found.exited:
        raise TargetError(
            f"{host.name}: {folder} cannot be listed: {found.stderr.strip()[-500:] or f'exit code {found.exited}'}",
            advice="What lies there is not known. May the account of this target look into that folder?",
        )
    return found.stdout
