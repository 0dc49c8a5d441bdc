#!/bin/sh
# The paper's tables on TAU Urban Acoustic Scenes 2020 Mobile: trains and tests the rows of one table.
# Usage: recipes/paper.sh TABLE DATA [--set KEY=VALUE...]     TABLE: 1, 2, 3 or 4 (4 is made of 2's runs)
# Goes on where it was interrupted, row by row and epoch by epoch, and fills RESULTS.md after each row.
set -eu
usage="usage: recipes/paper.sh TABLE DATA [--set KEY=VALUE...]     TABLE: 1, 2, 3 or 4"
here=$(cd "$(dirname "$0")" && pwd)
table=${1:-}
case $table in 1 | 2 | 3 | 4) shift ;; *) echo "$usage" >&2 && exit 2 ;; esac
data=${1:-}
[ $# -eq 0 ] || shift

if [ ! -f "$data/evaluation_setup/fold1_train.csv" ] || [ ! -d "$data/audio" ]; then
    [ -z "$data" ] || echo "$data is not such a folder." >&2
    cat >&2 << 'NEEDS'
Every table needs TAU Urban Acoustic Scenes 2020 Mobile, development data set: 13,965 + 2,970 clips of
10 s, 44.1 kHz (doi 10.5281/zenodo.3819968; for non-commercial use). All parts unpacked into one
folder DATA:

    DATA/meta.csv
    DATA/evaluation_setup/fold1_train.csv
    DATA/evaluation_setup/fold1_evaluate.csv
    DATA/audio/airport-barcelona-203-6129-a.wav
    DATA/audio/...

`edge-asc data check DATA` finds what is missing or damaged. Features take 9 GB in the cache.
NEEDS
    echo "$usage" >&2
    exit 2
fi

work=$here/out/paper
mkdir -p "$work" "$here/artifacts/paper"

train() { # NAME PRESET [OPTION...]
    name=$1 preset=$2
    shift 2
    [ -f "$work/$name/weights.pt" ] ||
        edge-asc train "paper/$preset" --data "$data" --fold 1 --out "$work" --name "$name" --resume "$@"
}

evaluate() { # RUN EVALUATION [OPTION...]
    run=$1 out=$work/evaluations/$2
    shift 2
    [ -f "$out/metrics.json" ] ||
        edge-asc evaluate "$work/$run" --data "$data" --fold 1 --crops 3 --out "$out" "$@"
    fill
}

fill() {
    text=$(python "$here/paper_tables.py" "$table" "$work" "$here/artifacts/paper/table$table.json")
    echo "$text" | python "$here/tables.py" fill "$here/../RESULTS.md" "paper-table$table"
}

row() { # NAME PRESET [OPTION...]: a network of its own
    train "$@"
    evaluate "$1" "$1"
}

fill
case $table in
1)
    for trunk in relu relu-cbam leaky-relu leaky-relu-cbam mfm mfm-cbam amfm; do
        row "$trunk" "table1-$trunk" "$@"
    done
    ;;
2)
    row amfm table1-amfm "$@" # without joint training: table 1's last row
    row abstract table2-abstract "$@"
    row pretraining table2-pretraining --init "$work/abstract" "$@"
    row conventional table2-conventional "$@"
    row extended table2-extended "$@"
    evaluate extended extended-joint --joint
    row sequential table2-sequential "$@"
    evaluate sequential sequential-joint --joint
    evaluate amfm separate-joint --joint-with "$work/abstract"
    ;;
3)
    for ratio in 1 2 3 4; do row "ratio-1-$ratio" "table3-1-$ratio" "$@"; done
    row extended table2-extended "$@" # 1 : 5
    row gradnorm table3-gradnorm "$@"
    ;;
4)
    row abstract table2-abstract "$@"
    row extended table2-extended "$@"
    ;;
esac
echo "$text"
