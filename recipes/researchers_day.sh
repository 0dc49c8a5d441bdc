#!/bin/sh
# A researcher's day on TAU 2022's official names with generated sound: lists, baseline, own network,
# seeds, comparison, a model for a device, int8, sizes, submission, figures. docs/researchers-day.md.
# Usage: recipes/researchers_day.sh LISTS [FOLDER]
#   LISTS  holds split5.csv and test.csv of DCASE 2024
#   EPOCHS of each training [6]; CLIPS for training, and for the test [600]
# A second call goes on where the first one was. Each command's seconds go into FOLDER/times.txt.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
lists=${1:?usage: recipes/researchers_day.sh LISTS [FOLDER]}
work=${2:-$here/out/day}
epochs=${EPOCHS:-6} clips=${CLIPS:-600}
runs=$work/runs
mkdir -p "$work/figures"
data=$work/TAU
short="--set train.epochs=$epochs --set train.warmup_epochs=1 --set train.batch_size=32"

# step WHAT FILE COMMAND...: run a command unless its FILE is there, and note how long it took.
step() {
    what=$1 made=$2
    shift 2
    [ ! -e "$made" ] || return 0
    printf '\n== %s\n' "$what"
    started=$(date +%s)
    "$@"
    echo "$(($(date +%s) - started)) $what" >>"$work/times.txt"
}

step "both data sets" "$data/meta.csv" python "$here/tau_2022.py" "$lists" "$work" --clips "$clips"
step "check" "$work/check.json" sh -c 'edge-asc data check "$1" --json >"$2"' - "$data" "$work/check.json"

# shellcheck disable=SC2086
for name in baseline compact; do
    step "train $name, three seeds" "$runs/$name/fold1-seed2/weights.pt" \
        edge-asc train "dcase2025/$name" --data "$data" --fold 1 --seeds 0,1,2 \
        --train-list split5 --out "$runs" --name "$name" $short
done
step "compare both" "$work/figures/compare.csv" edge-asc compare "$runs/baseline" "$runs/compact" \
    --plot "$work/figures/compare.pdf" --latex "$work/figures/compare.tex" \
    --csv "$work/figures/compare.csv"

general=$runs/compact/fold1-seed0 device=$runs/device-a
# shellcheck disable=SC2086
step "train on for device a" "$device/weights.pt" \
    edge-asc train dcase2025/compact-device --data "$data" --fold 1 --train-list split5 \
    --init "$general" --only-device a --out "$runs" --name device-a $short
for run in "$general" "$device"; do
    name=$(basename "$run")
    step "quantise $name" "$run/quantized/weights.pt" \
        edge-asc quantize "$run" --set quantize.epochs=2 --resume
    step "export $name" "$run/export/$name-int8.tflite" edge-asc export "$run" --int8
done
int8=$general/export/fold1-seed0-int8.tflite
own=$device/export/device-a-int8.tflite
step "evaluate the int8 file" "$work/int8/predictions.csv" \
    edge-asc evaluate "$int8" --data "$data" --fold 1 --out "$work/int8"
step "evaluate with a file for device a" "$work/by-device/predictions.csv" \
    edge-asc evaluate "$int8" --data "$data" --fold 1 --for-device "a=$own" --out "$work/by-device"
step "compare the files" "$work/figures/files.csv" \
    edge-asc compare "$work/int8" "$work/by-device" --csv "$work/figures/files.csv"
step "table of sizes" "$work/figures/sizes.tex" \
    edge-asc budget "$int8" "$own" dcase2025/baseline --rule dcase2025 --summary \
    --latex "$work/figures/sizes.tex"
step "submission" "$work/submission.csv" \
    edge-asc predict "$int8" --data "$work/EVALUATION" --for-device "a=$own" --out "$work/submission.csv"

printf '\n| seconds | command |\n| ---: | --- |\n'
sed 's/^\([0-9]*\) \(.*\)/| \1 | \2 |/' "$work/times.txt"
python "$here/tables.py" where
