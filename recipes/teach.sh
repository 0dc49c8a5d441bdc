#!/bin/sh
# What teaching is worth: ten times four random classes of ESC-50, 3 and 12 clips each, and strange sounds;
# and what it costs: time and memory of one `edge-asc teach`.
# Usage: recipes/teach.sh ESC50 MODELS ESC10     fills the tables of docs/teach.md and RESULTS.md
#   ESC50: the data, with meta.csv and audio/
#   MODELS: folder with yamnet.tflite (Apache-2.0), for the comparison
#   ESC10: the data, 44.1 kHz, as for recipes/esc10.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
esc50=${1:?usage: recipes/teach.sh ESC50 MODELS ESC10}
models=${2:?usage: recipes/teach.sh ESC50 MODELS ESC10}
esc10=${3:?usage: recipes/teach.sh ESC50 MODELS ESC10}
work=$here/out/teach
results=$here/artifacts/teach/few-shot.json
export PYTHONPATH="$here:$here/encoder${PYTHONPATH:+:$PYTHONPATH}"

mkdir -p "$work" "$(dirname "$results")"
python "$here/teach/few_shot.py" "$esc50" "$results"
python "$here/teach/rows.py" "$results" |
    python "$here/tables.py" fill "$here/../docs/teach.md" few-shot

# Beside other ways, some of which need torch; one thread, as seconds are compared.
beside=$here/artifacts/teach/beside.json
OMP_NUM_THREADS=1 python "$here/teach/beside.py" "$esc50" "$models" "$beside"
python "$here/teach/beside_rows.py" "$beside" > "$work/beside.md"
for page in "$here/../docs/teach.md" "$here/../RESULTS.md"; do
    python "$here/tables.py" fill "$page" beside < "$work/beside.md"
done

python "$here/teach/esc10.py" "$esc10" "$here/artifacts/teach/esc10.json" |
    python "$here/tables.py" fill "$here/../RESULTS.md" teach-esc10

python "$here/teach/strange.py" "$esc50" | python "$here/tables.py" fill "$here/../docs/zoo.md" strange

python "$here/teach/clips.py" "$esc50" "$work/clips.csv"
python "$here/../bench/measure.py" edge-asc teach "$work/clips.csv" --out "$work/four.tflite"
python "$here/teach/clips.py" "$esc50" "$work/forty.csv" --forty
edge-asc teach "$work/forty.csv" --out "$work/forty.tflite"
