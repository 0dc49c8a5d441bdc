#!/bin/sh
# ESC-50 by its official five folds, from int8 files of at most 128,000 bytes.
# Usage: recipes/esc50.sh DATA [FOLD...]     DATA: folder of ESC-50 with meta.csv and audio/
# ESC-50 may not be used commercially, nor may the files that come out of this.
# Goes on where it was interrupted, see recipes/folds.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/esc50.sh DATA [FOLD...]}
shift

"$here/folds.sh" esc50 "$data" esc50/128k "$@"
python "$here/tables.py" results "$here/artifacts/esc50/results.json" >"$here/out/esc50/table.md"
cat "$here/out/esc50/table.md"
for page in RESULTS.md README.md; do
    python "$here/tables.py" fill "$here/../$page" esc50 <"$here/out/esc50/table.md"
done
