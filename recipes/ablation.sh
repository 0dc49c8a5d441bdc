#!/bin/sh
# What each part of the recipe is worth: the 32 KB network of ESC-10, one part left out at a time, all
# else equal, five folds; on clean clips and through simulated microphones.
# Usage: recipes/ablation.sh DATA [ROW...]     DATA: ESC-10; rows: see settings below
# FOLDS="1 2"   EPOCHS=1 for a quick look   MICROPHONES=seen:2,unseen:3   OUT=DIR runs and results there
# Goes on where it was interrupted. Rows may run side by side, each with OMP_NUM_THREADS=1.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/ablation.sh DATA [ROW...]}
shift
rows=${*:-all relative plain relative-plain no-microphones no-responses no-speeds no-mixup no-masks \
    no-smoothing no-average no-stem}
work=${OUT:-$here/out/ablation}
results=${OUT:-$here/artifacts/esc10}/ablation.json
microphones=${MICROPHONES:-clean,seen:6,unseen:6} # two of each unseen family

settings() { # ROW
    case $1 in
    all) ;; # but relative features, which came after all others
    relative) echo "--set frontend.relative=true" ;;
    relative-plain) settings relative && settings plain ;;
    plain) settings no-microphones && settings no-responses && settings no-speeds ;;
    no-microphones) echo "--set data.microphones=0" ;;
    no-responses) echo "--set augment.response_db=0 --set augment.noise_probability=0" ;;
    no-speeds) echo "--set data.speeds=[1.0]" ;;
    no-mixup) echo "--set augment.mixup_alpha=0" ;;
    no-masks) echo "--set augment.frequency_masks=0 --set augment.time_masks=0" ;;
    no-smoothing) echo "--set train.label_smoothing=0" ;;
    no-stem) echo "--set model.options={channels=[8,8,12,16,16]}" ;; # as it was
    no-average) echo "--set train.ema=0" ;;
    *) echo "no row $1" >&2 && exit 2 ;;
    esac
}

for row in $rows; do
    own=$(settings "$row")
    for fold in ${FOLDS:-1 2 3 4 5}; do
        run=$work/$row/fold$fold
        # shellcheck disable=SC2086
        [ -f "$run/weights.pt" ] || edge-asc train esc10/32k --data "$data" --fold "$fold" \
            --out "$work/$row" --name "fold$fold" --resume --set "train.epochs=${EPOCHS:-150}" \
            --set train.compile=true --set frontend.relative=false $own
        [ -f "$run/evaluation/metrics.json" ] || edge-asc evaluate "$run" --data "$data" \
            --fold "$fold" --microphones "$microphones" --out "$run/evaluation"
    done
done

python "$here/ablation_table.py" collect "$work" "$results"
python "$here/ablation_table.py" table "$results" >"$work/table.md"
cat "$work/table.md"
[ -n "${OUT:-}" ] || python "$here/tables.py" fill "$here/../RESULTS.md" ablation <"$work/table.md"
