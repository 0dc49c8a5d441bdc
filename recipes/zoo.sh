#!/bin/sh
# The models that ship: one network on all clips of ESC-10 for each size, quantised, calibrated by
# the answers of the folds' files, with a card of their measured numbers.
# Usage: recipes/zoo.sh DATA [SIZE...]     DATA: ESC-10 (44.1 kHz), after recipes/esc10.sh
# SIZE: encoder, the default model; 128k, 128k-relative, 64k, 32k; 16k, which learns from that of 32k; or
# taught: a head on the encoder, after recipes/teach.sh. ZOO: where the models go. AMBIENCE: recordings of
# no class for encoder (beside DATA by default).
# ESC-10 alone may be shipped (CC BY); ESC-50 is for non-commercial use.
# Goes on where it was interrupted, network by network and epoch by epoch.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/zoo.sh DATA [SIZE...]}
shift
zoo=${ZOO:-$here/../edge_asc/runtime/zoo}
free=$here/out/zoo/data # all but two clips
export AMBIENCE="${AMBIENCE:-$(dirname "$data")/ambience}"
python "$here/zoo_card.py" select "$data" "$free"

for size in ${*:-encoder 128k 128k-relative 64k 32k 16k taught}; do
    if [ "$size" = taught ]; then
        for suffix in tflite onnx; do
            edge-asc teach "$free" --out "$here/out/zoo/esc10-taught.$suffix"
        done
        PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}" python "$here/teach/card.py" \
            "$here/out/zoo/esc10-taught" "$here/artifacts/teach/esc10.json" "$free" "$zoo"
        continue
    fi
    name=esc10/$size preset=esc10/$size default=
    [ "$size" != 128k ] || name=esc10
    [ "$size" != encoder ] || default=--default
    TEACHERS= target=0.98
    # At 0.98 the smallest would leave six clips of ten unnamed.
    [ "$size" != 16k ] || TEACHERS=esc10/32k target=0.95
    export TEACHERS
    "$here/folds.sh" "$name" "$free" "$preset" all
    all=$here/out/$name/all
    from=
    for fold in 1 2 3 4 5; do
        from="$from --from $here/artifacts/$name/fold$fold-int8.tflite"
    done
    for suffix in tflite onnx; do
        # shellcheck disable=SC2086
        edge-asc calibrate "$all/export/all-int8.$suffix" --data "$data" $from \
            --target "$target" --out "$all/esc10-$size.$suffix"
    done
    python "$here/zoo_card.py" settle "$all/esc10-$size" "$here/artifacts/$name/results.json" \
        "$free" "$zoo" $default
done
edge-asc models
