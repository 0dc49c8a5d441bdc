#!/bin/sh
# How far results move with the seed: networks of ESC-10 begun from others, five folds each.
# Usage: recipes/seeds.sh DATA [SEED...]     DATA: ESC-10; after recipes/esc10.sh, which is seed 0
# The 16k networks learn from those of 32k of the same seed. SIZES="128k 32k" some sizes alone.
# Prints a table for each, and fills those that RESULTS.md has.
# Goes on where it was interrupted, see recipes/folds.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/seeds.sh DATA [SEED...]}
shift

for size in ${SIZES:-128k 128k-ram256k encoder 64k 32k 16k}; do
    name=esc10/$size preset=esc10/$size
    [ "$size" != 128k ] || name=esc10
    for seed in ${*:-1 2}; do
        teachers=
        [ "$size" != 16k ] || teachers=esc10/32k/seeds/$seed
        TRAIN="--seed $seed" TEACHERS=$teachers \
            "$here/folds.sh" "$name/seeds/$seed" "$data" "$preset"
    done
    results=$here/artifacts/$name
    table=$here/out/$name/seeds.md
    python "$here/tables.py" seeds 0 "$results/results.json" \
        $(for path in "$results"/seeds/*/results.json; do
            echo "$(basename "$(dirname "$path")") $path"
        done) >"$table"
    cat "$table"
    ! grep -q "esc10-seeds-$size:begin" "$here/../RESULTS.md" ||
        python "$here/tables.py" fill "$here/../RESULTS.md" "esc10-seeds-$size" <"$table"
done
