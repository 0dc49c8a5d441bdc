#!/bin/sh
# What several views of a window are worth: the kept int8 files, each window heard 1, 2, 4 and 8 times.
# Usage: recipes/views.sh ESC10 ESC50     data sets; no training
# NAMES="esc50 esc10/32k" some results alone. Goes on where it was interrupted.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
esc10=${1:?usage: recipes/views.sh ESC10 ESC50} esc50=${2:?usage: recipes/views.sh ESC10 ESC50}
work=$here/out/views

for name in ${NAMES:-esc50 esc10 esc10/64k esc10/32k esc10/16k}; do
    data=$esc10
    [ "$name" != esc50 ] || data=$esc50
    for fold in 1 2 3 4 5; do
        for views in 1 2 4 8; do
            out=$work/$name/fold$fold/$views
            [ -f "$out/metrics.json" ] || edge-asc evaluate --views $views --data "$data" \
                --fold $fold --out "$out" "$here/artifacts/$name/fold$fold-int8.tflite"
        done
    done
done

python "$here/views_table.py" "$work" | python "$here/tables.py" fill "$here/../RESULTS.md" views
