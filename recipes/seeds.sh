#!/bin/sh
# How far results move with the seed: networks of ESC-10 begun from others, five folds each.
# Usage: recipes/seeds.sh DATA [SEED...]     DATA: ESC-10; after recipes/esc10.sh, which is seed 0
# SIZES="128k-ram256k 32k" some sizes alone. Goes on where it was interrupted, see recipes/folds.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/seeds.sh DATA [SEED...]}
shift

for size in ${SIZES:-128k-ram256k 32k}; do
    results=$here/artifacts/esc10/$size
    for seed in ${*:-1 2}; do
        TRAIN="--seed $seed" "$here/folds.sh" "esc10/$size/seeds/$seed" "$data" "esc10/$size"
    done
    table=$here/out/esc10/$size/seeds.md
    python "$here/tables.py" seeds 0 "$results/results.json" \
        $(for path in "$results"/seeds/*/results.json; do
            echo "$(basename "$(dirname "$path")") $path"
        done) >"$table"
    cat "$table"
    python "$here/tables.py" fill "$here/../RESULTS.md" "esc10-seeds-$size" <"$table"
done
