#!/bin/sh
# What fits two cores of the paper's comparisons, on recorded audio: shortened, other data, one fold.
# Usage: recipes/paper-small.sh ESC10 ESC50      folders with meta.csv and audio/
# JOBS=2 networks train side by side, on one thread each. Goes on where it was interrupted, row by row
# and epoch by epoch; a call with a third argument trains that row alone.
#   SEEDS10="0 1 2"  SEEDS50=0  seeds        SETTINGS="--set train.epochs=1"  for a quick look
set -eu
here=$(cd "$(dirname "$0")" && pwd)
esc10=${1:?usage: recipes/paper-small.sh ESC10 ESC50}
esc50=${2:?usage: recipes/paper-small.sh ESC10 ESC50}
one=${3:-}
work=$here/out/paper-small
results=$here/artifacts/paper-small/results.json
export OMP_NUM_THREADS=1

train() { # DATA SETTINGS NAME OPTION...: the run of a row, then its evaluation
    data=$1 config=$here/paper-small/$2.toml out=$work/${3%%/*} row=${3#*/}
    shift 3
    [ -f "$out/$row/weights.pt" ] || # shellcheck disable=SC2086
        edge-asc train "$config" --data "$data" --fold 1 --out "$out" --name "$row" \
            --seed "${row##*-}" --resume "$@" ${SETTINGS:-}
    evaluate "$data" "$out" "${row%-*}" "${row##*-}"
}

evaluate() { # DATA FOLDER ROW SEED [OPTION...]: ROW+... is a joint prediction of ROW
    data=$1 folder=$2 name=$3 seed=$4
    shift 4
    report=$folder/evaluations/$name/$seed
    [ -f "$report/metrics.json" ] || edge-asc evaluate "$folder/${name%%+*}-$seed" \
        --data "$data" --fold 1 --out "$report" "$@" > "$folder/$name-$seed.txt"
}

trunk() { # NAME UNIT ATTENTION COMBINE
    train "$esc10" trunks "$1" --set "model.options.unit=$2" --set "model.options.attention=$3" \
        --set "model.options.combine=$4"
}

method() { # NAME NETWORK OPTION...
    name=$1 network=$2
    shift 2
    train "$esc50" joint "$name" --set "model.name=$network" "$@"
}

single() { # NAME OPTION...: one label set, so its loss counts once
    name=$1
    shift
    method "$name" single --set model.abstract=false --set train.scene_weight=1 "$@"
}

train_row() {
    case $1 in
    esc10/relu-cbam-*) trunk "$1" relu cbam replace ;;
    esc10/relu-*) trunk "$1" relu none replace ;;
    esc10/leaky-cbam-*) trunk "$1" leaky-relu cbam replace ;;
    esc10/leaky-*) trunk "$1" leaky-relu none replace ;;
    esc10/mfm-cbam-*) trunk "$1" mfm cbam replace ;;
    esc10/mfm-*) trunk "$1" mfm none replace ;;
    esc10/amfm-se-*) trunk "$1" mfm se max ;;
    esc10/amfm-eca-*) trunk "$1" mfm eca max ;;
    esc10/amfm-*) trunk "$1" mfm cbam max ;;
    esc50/none-*) single "$1" ;;
    esc50/abstract-*) single "$1" --set data.target=abstract ;;
    esc50/pretraining-*) single "$1" --init "$work/esc50/abstract-${1##*-}" ;;
    esc50/conventional-* | esc50/sequential-*)
        network=${1#*/}
        method "$1" "${network%-*}"
        ;;
    esc50/ratio*)
        ratio=${1#*/ratio}
        method "$1" full --set "train.scene_weight=${ratio%-*}"
        ;;
    esc50/gradnorm-*) method "$1" full --set train.balance=gradnorm ;;
    *) echo "no row $1" >&2 && exit 2 ;;
    esac
}

rows() { # DATA SEEDS NAME...
    data=$1 seeds=$2
    shift 2
    for seed in $seeds; do for name in "$@"; do echo "$data/$name-$seed"; done; done
}

tables() {
    python "$here/small_tables.py" collect "$work" "$results"
    for table in trunks joint; do
        text=$(python "$here/small_tables.py" $table "$results")
        echo "$text"
        echo "$text" | python "$here/tables.py" fill "$here/../RESULTS.md" "small-$table"
    done
}

if [ -n "$one" ]; then
    train_row "$one"
    exit
fi
mkdir -p "$work" "$(dirname "$results")"
{ # pre-training's first half early: the second waits for it
    rows esc50 "${SEEDS50:-0}" abstract none conventional sequential ratio1 ratio2 ratio3 ratio4 \
        ratio5 gradnorm
    rows esc10 "${SEEDS10:-0 1 2}" relu relu-cbam leaky leaky-cbam mfm mfm-cbam amfm amfm-se amfm-eca
    rows esc50 "${SEEDS50:-0}" pretraining
} | xargs -P "${JOBS:-2}" -n 1 "$0" "$esc10" "$esc50"
for seed in ${SEEDS50:-0}; do
    for name in ratio5 sequential; do
        evaluate "$esc50" "$work/esc50" "$name+joint" "$seed" --joint
    done
    evaluate "$esc50" "$work/esc50" none+abstract "$seed" --joint-with "$work/esc50/abstract-$seed"
done
tables
