"""What a script on a host says of a path: that nothing is there, which is another thing than not being let in."""

from typing import Final

ABSENT: Final = 44
"""The exit code of a script that found nothing."""
ABSENCE: Final = """\
absent() {
  said=$(LC_ALL=C stat "$@" 2>&1 >/dev/null) && return
  case $said in *': No such file or directory' | *': Not a directory') exit 44 ;; esac
  printf '%s\\n' "$said" >&2
  exit 1
}
"""
"""`absent -- PATH`, with `-L` through links, where `[ -e ]` said no: ends the script with it, or with the reason."""
