#!/bin/sh
# The wheel of what git would commit, into a folder.
#
#   wheel.sh FOLDER        PYTHON: has pip
set -eu
cd "$(dirname "$0")/../.."
mkdir "$1/source"
git ls-files -z --cached --others --exclude-standard >"$1/names"
tar -c --null --ignore-failed-read -T "$1/names" 2>/dev/null | tar -x -C "$1/source"
"$PYTHON" -m pip wheel -q --no-deps -w "$1" "$1/source" 2>&1
rm -r "$1/source" "$1/names"
