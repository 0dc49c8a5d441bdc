#!/bin/sh
# What unseen microphones cost the int8 files of ESC-10, made by runs/folds.sh esc10/NAME DATA PRESET:
# - plain     compact-int8, which has heard no simulated devices
# - (none)    esc10/128k, which has heard them
# - relative  the same with TRAIN="--set frontend.relative=true"
# Usage: runs/devices.sh DATA [FOLD...]     DATA: ESC-10 (44.1 kHz). No training, some minutes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: runs/devices.sh DATA [FOLD...]}
shift
work=$here/out/devices
devices=${DEVICES:-clean,seen:12,unseen:12} # four of each unseen family

for fold in ${*:-1 2 3 4 5}; do
    for name in plain esc10 relative; do
        files=$here/artifacts/esc10
        [ "$name" = esc10 ] || files=$files/$name
        out=$work/$name/fold$fold
        [ -f "$out/metrics.json" ] || edge-asc evaluate "$files/fold$fold-int8.tflite" \
            --data "$data" --fold "$fold" --devices "$devices" --out "$out"
    done
done
python "$here/ablation_table.py" devices "$work" >"$work/table.md"
cat "$work/table.md"
python "$here/tables.py" fill "$here/../RESULTS.md" devices <"$work/table.md"
