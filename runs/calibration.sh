#!/bin/sh
# What the confidence of the ESC-10 files is worth, before and after calibration, and what they say
# of sounds they were never taught.
# Usage: runs/calibration.sh ESC10 [OTHERS]   ESC10: the data; OTHERS: strange sounds, as ESC-50
# Cross-fitted: the only clips a fold's network has not seen are those it is tested on. So its
# temperature and threshold come from the other four networks, each heard on its own test fold.
# No training; some minutes. Goes on where it was interrupted.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: runs/calibration.sh ESC10 [OTHERS]}
others=${2:-}
artifacts=$here/artifacts/esc10
work=$here/out/calibration
mkdir -p "$work"

# The known classes from the source of the strange ones, which may be recorded in another way.
known=
if grep -q esc10 "${others:-/dev/null}/meta.csv" 2>/dev/null; then
    known=$work/known.csv
    python "$here/calibration_tables.py" known "$others/meta.csv" "$known"
fi

for fold in 1 2 3 4 5; do
    file=$artifacts/fold$fold-int8.tflite
    from=
    for other in 1 2 3 4 5; do
        [ "$other" = "$fold" ] || from="$from --from $artifacts/fold$other-int8.tflite"
    done
    calibrated=$work/fold$fold-int8.tflite
    # shellcheck disable=SC2086
    [ -f "$calibrated" ] || edge-asc calibrate "$file" --data "$data" $from --target 0.98 \
        --out "$calibrated"
    [ -f "$work/before$fold/metrics.json" ] ||
        edge-asc evaluate "$file" --data "$data" --fold "$fold" --out "$work/before$fold"
    # shellcheck disable=SC2086
    [ -f "$work/after$fold/metrics.json" ] || edge-asc evaluate "$calibrated" --data "$data" \
        --fold "$fold" --out "$work/after$fold" ${others:+--unknown "$others"}
    [ -z "$known" ] || [ -f "$work/known$fold/metrics.json" ] ||
        edge-asc evaluate "$calibrated" --data "$known" --fold "$fold" --out "$work/known$fold"
done

python "$here/calibration_tables.py" collect "$work" "$artifacts/calibration.json"
for table in confidence coverage unknown; do
    python "$here/calibration_tables.py" "$table" "$artifacts/calibration.json" |
        python "$here/tables.py" fill "$here/../RESULTS.md" "calibration-$table"
done
python "$here/calibration_tables.py" confidence "$artifacts/calibration.json"
