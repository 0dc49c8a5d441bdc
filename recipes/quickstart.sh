#!/bin/sh
# The main job on built-in synthetic scenes: train, quantise, export, budget, evaluate, classify.
# Usage: recipes/quickstart.sh [FOLDER]      About two minutes on two cores; a second call goes on where it was.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-quickstart}
run=$work/synthetic
started=$(date +%s)

say() { printf '\n== %s\n' "$*"; }

say "1/6 ten synthetic scenes (generated, not recorded)"
[ -f "$work/data/synthetic.csv" ] || edge-asc data synth "$work/data"
edge-asc data check "$work/data"

say "2/6 train in full precision"
[ -f "$run/weights.pt" ] ||
    edge-asc train quickstart --data "$work/data" --fold 1 --out "$work" --name synthetic --resume

say "3/6 train on with int8 rounding in place"
[ -f "$run/quantized/weights.pt" ] || edge-asc quantize "$run" --resume

say "4/6 export"
edge-asc export "$run" --fp32 --format all
edge-asc export "$run" --fp16 --format all
edge-asc export "$run" --int8 --format all

say "5/6 budget of the int8 file"
edge-asc budget "$run/export/synthetic-int8.tflite" --rule all

say "6/6 evaluate the files, then classify one clip"
for file in "$run"/export/*.tflite "$run"/export/*.onnx; do
    edge-asc evaluate "$file" --data "$work/data" --fold 1 --json > "$file.json"
done
edge-asc evaluate "$run" --data "$work/data" --fold 1 --json > "$run/export/torch.json"
python "$here/tables.py" files "$run/export"
edge-asc classify "$work/data/audio/synthetic_siren-000-0.wav" --model "$run/export/synthetic-int8.tflite"

printf '\nDone in %s s. Model files: %s\n' "$(($(date +%s) - started))" "$run/export"
