#!/bin/sh
# ESC-10 by its official five folds: train, quantise, export, evaluate from the files.
# Usage: runs/esc10.sh DATA [FOLD...]     DATA: folder of ESC-10 with meta.csv and audio/ (44.1 kHz)
# Goes on where it was interrupted, fold by fold and epoch by epoch. Folds may run side by side,
# each with OMP_NUM_THREADS=1.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: runs/esc10.sh DATA [FOLD...]}
shift
folds=${*:-1 2 3 4 5}
work=$here/out/esc10
artifacts=$here/artifacts/esc10
mkdir -p "$work" "$artifacts"

# No epoch is chosen by validation, so all of the four training folds train.
settings="--set data.val_fraction=0 --set train.compile=true"

for fold in $folds; do
    run=$work/fold$fold
    # shellcheck disable=SC2086
    [ -f "$run/weights.pt" ] || edge-asc train compact-int8 --data "$data" --fold "$fold" \
        --out "$work" --name "fold$fold" --resume $settings
    [ -f "$run/quantized/weights.pt" ] || edge-asc quantize "$run" --resume --data "$data"
    edge-asc export "$run" --int8 --format all
    edge-asc export "$run" --fp16 --format all --no-enforce # twice the int8 file's size
    for variant in float16.tflite float16.onnx int8.tflite int8.onnx; do
        file=$artifacts/fold$fold-$variant
        cp "$run"/export/*-"$variant" "$file"
        edge-asc evaluate "$file" --data "$data" --fold "$fold" --out "$run/evaluations/$variant"
    done
    edge-asc evaluate "$run" --data "$data" --fold "$fold" --out "$run/evaluations/torch"
done

python "$here/tables.py" folds "$work" "$artifacts/results.json"
python "$here/tables.py" results "$artifacts/results.json"
