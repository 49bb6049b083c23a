"""
Files that git shows as modified, and would not move, although they are as it checked them out.

git takes for modified what it would store otherwise than it is stored (line ends, by .gitattributes). Thousands may be
so at once, so their names go from command to command in files, as git quotes them: no list of arguments grows too
long, and as many processes are started for all of them as for one.
"""

from typing import Final

# Filters are not run for a look: what has one is taken for changed.
_LOOK: Final = """\
set -e
spare=$(mktemp -d)
trap 'rm -rf -- "$spare"' EXIT
cd "$(git rev-parse --show-toplevel)"
GIT_OPTIONAL_LOCKS=0 git -c core.quotePath=true status --porcelain=v2 --untracked-files=no --no-renames |
  sed -n 's/^1 \\.M N\\.\\.\\. [0-7]* \\(100[0-7]*\\) \\1 [0-9a-f]* [0-9a-f]* //p' |
  git -c core.quotePath=true check-attr --stdin filter | sed -n 's/: filter: unspecified$//p' >"$spare/shown"
mkdir "$spare/files"
git checkout-index --prefix="$spare/files/" --stdin <"$spare/shown"
git hash-object --no-filters --stdin-paths <"$spare/shown" >"$spare/found"
GIT_DIR=$(git rev-parse --absolute-git-dir) GIT_WORK_TREE=$spare/files git -C "$spare/files" \\
  hash-object --no-filters --stdin-paths <"$spare/shown" >"$spare/wanted"
paste -d ' ' "$spare/found" "$spare/wanted" "$spare/shown" | sed -n 's/^\\([0-9a-f]*\\) \\1 //p' >"$spare/same"
"""
NAME_RENEWED: Final = f'{_LOOK}cat "$spare/same"'
_REMOVE: Final = """\
git -c core.quotePath=true diff-tree -r --name-only --no-renames HEAD {to} | LC_ALL=C sort >"$spare/moving"
rm -rf "$spare/files"
mkdir "$spare/files"
LC_ALL=C sort "$spare/same" | LC_ALL=C comm -12 - "$spare/moving" |
  git checkout-index --prefix="$spare/files/" --stdin
top=$PWD
cd "$spare/files"
find . -type f -exec sh -c 'cd "$0" && rm -f -- "$@"' "$top" {{}} +
"""


def remove_renewed(to: str) -> str:
    """Give the lines that remove those files which the move to *to*, quoted, brings otherwise, or removes."""
    return f"(\n{_LOOK}{_REMOVE.format(to=to)})\n"
