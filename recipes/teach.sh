#!/bin/sh
# What teaching is worth: ten times four random classes of ESC-50, 3 and 12 clips each, and strange sounds.
# Usage: recipes/teach.sh ESC50     ESC50: the data, with meta.csv and audio/; fills the table of docs/teach.md
set -eu
here=$(cd "$(dirname "$0")" && pwd)
esc50=${1:?usage: recipes/teach.sh ESC50}
results=$here/artifacts/teach/few-shot.json
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"

mkdir -p "$(dirname "$results")"
python "$here/teach/few_shot.py" "$esc50" "$results"
python "$here/teach/rows.py" "$results" |
    python "$here/tables.py" fill "$here/../docs/teach.md" few-shot
