#!/bin/sh
# The models that ship: five folds to measure, then one network on all clips, quantised, calibrated
# by the folds' answers, with a card of measured numbers.
# Usage: runs/zoo.sh DATA [PRESET...]     DATA: ESC-10 (44.1 kHz); the first preset is the default
# ESC-10 alone may be shipped (CC BY); ESC-50 is for non-commercial use.
# TRAIN, QUANTIZE: further options of these verbs, for every network; ZOO: where the models go.
# Goes on where it was interrupted, network by network and epoch by epoch.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: runs/zoo.sh DATA [PRESET...]}
shift
presets=${*:-compact-int8 nano}
zoo=${ZOO:-$here/../edge_asc/zoo}
default=--default

for preset in $presets; do
    work=${WORK:-$here/out/zoo}/$preset
    mkdir -p "$work"
    for fold in 1 2 3 4 5 all; do
        run=$work/$fold
        held_out="--fold $fold"
        [ "$fold" != all ] || held_out=
        # No epoch is chosen by validation, so every clip that may train does.
        # shellcheck disable=SC2086
        [ -f "$run/weights.pt" ] || edge-asc train "$preset" --data "$data" $held_out \
            --out "$work" --name "$fold" --resume --set data.val_fraction=0 ${TRAIN:-}
        # shellcheck disable=SC2086
        [ -f "$run/quantized/weights.pt" ] ||
            edge-asc quantize "$run" --resume --data "$data" ${QUANTIZE:-}
        [ -f "$run/export/ESC-10-int8.onnx" ] || edge-asc export "$run" --int8 --format all
        [ "$fold" != all ] || continue
        for file in "$run" "$run/export/ESC-10-int8.tflite"; do
            figures=$run/evaluations/torch
            [ "$file" = "$run" ] || figures=$run/evaluations/int8
            [ -f "$figures/metrics.json" ] ||
                edge-asc evaluate "$file" --data "$data" --fold "$fold" --out "$figures"
        done
    done
    from=
    for fold in 1 2 3 4 5; do
        from="$from --from $work/$fold/export/ESC-10-int8.tflite"
    done
    for suffix in tflite onnx; do
        # shellcheck disable=SC2086
        edge-asc calibrate "$work/all/export/ESC-10-int8.$suffix" --data "$data" $from \
            --out "$work/esc10-$preset.$suffix"
    done
    python "$here/zoo_card.py" "$work" "$preset" "$data" "$zoo" $default
    default=
done
edge-asc models
