#!/bin/sh
# What teaching is worth: ten times four random classes of ESC-50, 3 and 12 clips each, and strange sounds;
# and what it costs: time and memory of one `edge-asc teach`.
# Usage: recipes/teach.sh ESC50     ESC50: the data, with meta.csv and audio/; fills the table of docs/teach.md
set -eu
here=$(cd "$(dirname "$0")" && pwd)
esc50=${1:?usage: recipes/teach.sh ESC50}
work=$here/out/teach
results=$here/artifacts/teach/few-shot.json
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"

mkdir -p "$work" "$(dirname "$results")"
python "$here/teach/few_shot.py" "$esc50" "$results"
python "$here/teach/rows.py" "$results" |
    python "$here/tables.py" fill "$here/../docs/teach.md" few-shot

# Beside training on, which needs torch; one thread, as seconds are compared.
OMP_NUM_THREADS=1 python "$here/teach/base.py" "$esc50" "$here/artifacts/teach/base.json" > "$work/base.md"
for page in "$here/../docs/teach.md" "$here/../RESULTS.md"; do
    python "$here/tables.py" fill "$page" base < "$work/base.md"
done

python "$here/teach/clips.py" "$esc50" "$work/clips.csv"
python "$here/../bench/measure.py" edge-asc teach "$work/clips.csv" --out "$work/four.tflite"
