#!/bin/sh
# The folds of a data set: train, quantise, export, evaluate from the files.
# Usage: recipes/folds.sh NAME DATA PRESET [FOLD...]
#   NAME   of the results: runs in recipes/out/NAME, files in recipes/artifacts/NAME
#   FOLD   1 to 5, or all: a network of all clips, which nothing is left to test
#   TRAIN, QUANTIZE  further options of these verbs, for every network
#   KEEP=yes  some folds today, the others elsewhere: figures gather in unfinished.json beside the
#             files, whose folds are not trained again, and which is results.json when it has all five
#   AMBIENCE  free recordings, for esc10/encoder: those of no class (beside DATA by default)
#   TEACHERS="NAME..."  learn from the runs of these names as well, each fold from its own
# Goes on where it was interrupted, network by network and epoch by epoch. Folds may run side by
# side, each with OMP_NUM_THREADS=1.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
usage="usage: recipes/folds.sh NAME DATA PRESET [FOLD...]"
name=${1:?$usage} data=${2:?$usage} preset=${3:?$usage}
shift 3
folds=${*:-1 2 3 4 5}
work=$here/out/$name
artifacts=$here/artifacts/$name
mkdir -p "$work" "$artifacts"
collected=$artifacts/results.json
compile=true
case $preset in *encoder*) compile=false ;; esac # behind an encoder that gains nothing
strange=
if [ "$preset" = esc10/encoder ]; then
    strange=$here/out/strange
    python "$here/means.py" strange "${AMBIENCE:-$(dirname "$data")/ambience}" "$strange"
fi
[ -z "${KEEP:-}" ] || collected=$artifacts/unfinished.json

kept() { # FOLD
    [ -n "${KEEP:-}" ] && { python "$here/tables.py" has "$collected" "$1" ||
        python "$here/tables.py" has "$artifacts/results.json" "$1"; }
}

for fold in $folds; do
    ! kept "$fold" || continue
    run=$work/fold$fold
    [ "$fold" != all ] || run=$work/all
    held_out="--fold $fold"
    [ "$fold" != all ] || held_out=
    teachers=
    for teacher in ${TEACHERS:-}; do
        teachers="$teachers --teacher $here/out/$teacher/$(basename "$run")"
    done
    # No epoch is chosen by validation, so every clip that may train does. In float32, which every
    # processor has.
    # shellcheck disable=SC2086
    [ -f "$run/weights.pt" ] || edge-asc train "$preset" --data "$data" $held_out --out "$work" \
        --name "$(basename "$run")" --resume --set data.val_fraction=0 --set train.compile=$compile \
        --set train.precision=float32 ${strange:+--set "data.unknown=$strange"} $teachers ${TRAIN:-}
    # Its own answers before rounding teach a network that is rounded.
    # shellcheck disable=SC2086
    [ -f "$run/quantized/weights.pt" ] ||
        edge-asc quantize "$run" --resume --data "$data" --teacher "$run" ${QUANTIZE:-}
    [ -n "$(ls "$run"/export/*-int8.tflite 2>/dev/null)" ] || edge-asc export "$run" --int8
    # A preset's limit of memory is that of microcontrollers, which run no ONNX.
    [ -n "$(ls "$run"/export/*-int8.onnx 2>/dev/null)" ] ||
        edge-asc export "$run" --int8 --format onnx --rule edge-128k
    [ "$fold" != all ] || continue
    variants="int8.tflite int8.onnx"
    if [ ! -f "$run/base.tflite" ]; then # behind an encoder there are int8 files alone
        variants="float16.tflite float16.onnx $variants"
        [ -n "$(ls "$run"/export/*-float16.onnx 2>/dev/null)" ] ||
            edge-asc export "$run" --fp16 --format all --no-enforce # twice the int8 file's size
    fi
    for variant in $variants; do
        file=$artifacts/fold$fold-$variant
        cp "$run"/export/*-"$variant" "$file"
        [ -f "$run/evaluations/$variant/metrics.json" ] || edge-asc evaluate "$file" \
            --data "$data" --fold "$fold" --out "$run/evaluations/$variant"
    done
    [ -f "$run/evaluations/torch/metrics.json" ] ||
        edge-asc evaluate "$run" --data "$data" --fold "$fold" --out "$run/evaluations/torch"
    [ -z "${KEEP:-}" ] || python "$here/tables.py" folds "$work" "$collected" keep
done

if [ -n "${KEEP:-}" ]; then
    ! python "$here/tables.py" has "$collected" 1 2 3 4 5 || mv "$collected" "$artifacts/results.json"
elif [ -n "$(ls -d "$work"/fold*/evaluations 2>/dev/null)" ]; then
    python "$here/tables.py" folds "$work" "$collected"
fi
