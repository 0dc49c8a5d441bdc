#!/bin/sh
# What unseen microphones cost on ESC-10, with and without training for them, from the int8 files.
# Usage: runs/devices.sh DATA [FOLD...]     DATA: folder of ESC-10 with meta.csv and audio/ (44.1 kHz)
# Goes on where it was interrupted, row by row and epoch by epoch.
#   ROWS="plain devices"   some rows alone       SETTINGS="--set train.epochs=1"  for a quick look
#   DEVICES=seen:2,unseen:3                      OUT=DIR  runs and results elsewhere
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: runs/devices.sh DATA [FOLD...]}
shift
folds=${*:-1 2 3 4 5}
work=${OUT:-$here/out/devices}
artifacts=${OUT:-$here/artifacts/esc10-devices}
devices=${DEVICES:-clean,seen:12,unseen:12} # four of each unseen family
mkdir -p "$work" "$artifacts"

settings() { # ROW
    case $1 in
    plain) ;;
    response) echo "--set augment.response_db=6 --set augment.noise_probability=0.5" ;;
    devices) echo "--set data.devices=8" ;;
    both) settings response && settings devices ;;
    *) echo "no row $1" >&2 && exit 2 ;;
    esac
}

for fold in $folds; do
    for row in ${ROWS:-plain devices response both}; do
        run=$work/$row/fold$fold
        own=$(settings "$row")
        # No epoch is chosen by validation, so all of the four training folds train.
        # shellcheck disable=SC2086
        [ -f "$run/weights.pt" ] || edge-asc train compact-int8 --data "$data" --fold "$fold" \
            --out "$work/$row" --name "fold$fold" --resume --set data.val_fraction=0 $own \
            ${SETTINGS:---set train.compile=true}
        [ -f "$run/quantized/weights.pt" ] || edge-asc quantize "$run" --resume --data "$data"
        [ -f "$artifacts/$row-fold$fold-int8.tflite" ] || {
            edge-asc export "$run" --int8
            cp "$run"/export/*-int8.tflite "$artifacts/$row-fold$fold-int8.tflite"
        }
        [ -f "$run/evaluation/metrics.json" ] || edge-asc evaluate \
            "$artifacts/$row-fold$fold-int8.tflite" --data "$data" --fold "$fold" \
            --devices "$devices" --out "$run/evaluation"
    done
done

python "$here/device_tables.py" collect "$work" "$artifacts/results.json"
python "$here/device_tables.py" table "$artifacts/results.json" > "$work/table.md"
cat "$work/table.md"
[ -n "${OUT:-}" ] || python "$here/tables.py" fill "$here/../RESULTS.md" devices < "$work/table.md"
