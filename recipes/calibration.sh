#!/bin/sh
# What the confidence of the ESC-10 files is worth, before and after calibration, and what they say
# of sounds they were never taught, and of a quiet room.
# Usage: recipes/calibration.sh ESC10 [OTHERS]   ESC10: the data; OTHERS: strange sounds, as ESC-50
# Cross-fitted: the only clips a fold's network has not seen are those it is tested on. So its
# temperature and threshold come from the other four networks, each heard on its own test fold.
# NAMES="esc10" some results alone. No training; some minutes for each.
# Goes on where it was interrupted.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/calibration.sh ESC10 [OTHERS]}
others=${2:-}
work=$here/out/calibration
mkdir -p "$work"
python "$here/quiet_room.py" "$work/quiet"

# The known classes from the source of the strange ones, which may be recorded in another way.
known=
if grep -q esc10 "${others:-/dev/null}/meta.csv" 2>/dev/null; then
    known=$work/known.csv
    python "$here/calibration_tables.py" known "$others/meta.csv" "$known"
fi

one_fold() { # NAME FOLD: evaluations in recipes/out/calibration/NAME
    files=$here/artifacts/$1 fold=$2 out=$work/$1
    from=
    for other in 1 2 3 4 5; do
        [ "$other" = "$fold" ] || from="$from --from $files/fold$other-int8.tflite"
    done
    mkdir -p "$out"
    calibrated=$out/fold$fold-int8.tflite
    # shellcheck disable=SC2086
    [ -f "$calibrated" ] || edge-asc calibrate "$files/fold$fold-int8.tflite" --data "$data" \
        $from --target 0.98 --out "$calibrated"
    [ -f "$out/before$fold/metrics.json" ] || edge-asc evaluate "$files/fold$fold-int8.tflite" \
        --data "$data" --fold "$fold" --out "$out/before$fold"
    # shellcheck disable=SC2086
    [ -f "$out/after$fold/metrics.json" ] || edge-asc evaluate "$calibrated" --data "$data" \
        --fold "$fold" --out "$out/after$fold" ${others:+--unknown "$others"}
    [ -f "$out/quiet$fold/metrics.json" ] || edge-asc evaluate "$calibrated" --data "$data" \
        --fold "$fold" --out "$out/quiet$fold" --unknown "$work/quiet"
    [ -z "$known" ] || [ -f "$out/known$fold/metrics.json" ] ||
        edge-asc evaluate "$calibrated" --data "$known" --fold "$fold" --out "$out/known$fold"
}

for name in ${NAMES:-esc10 esc10/128k-relative esc10/encoder}; do
    for fold in 1 2 3 4 5; do
        one_fold "$name" "$fold"
    done
    python "$here/calibration_tables.py" collect "$work/$name" \
        "$here/artifacts/$name/calibration.json"
done

for table in confidence coverage unknown; do
    python "$here/calibration_tables.py" "$table" "$here/artifacts/esc10/calibration.json" |
        python "$here/tables.py" fill "$here/../RESULTS.md" "calibration-$table"
done
python "$here/calibration_tables.py" compare "$here/artifacts/esc10/calibration.json" \
    "$here/artifacts/esc10/128k-relative/calibration.json" \
    "$here/artifacts/esc10/encoder/calibration.json" >"$work/compare.md"
cat "$work/compare.md"
python "$here/tables.py" fill "$here/../RESULTS.md" calibration-compare <"$work/compare.md"
