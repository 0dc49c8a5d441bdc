#!/bin/sh
# How far results move with the seed: the 32 KB network of ESC-10 begun from others, five folds each.
# Usage: recipes/seeds.sh DATA [SEED...]     DATA: ESC-10; after SIZES=32k recipes/esc10.sh DATA, seed 0
# Goes on where it was interrupted, see recipes/folds.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/seeds.sh DATA [SEED...]}
shift
results=$here/artifacts/esc10/32k
work=$here/out/esc10/32k/seeds

for seed in ${*:-1 2}; do
    TRAIN="--seed $seed" "$here/folds.sh" "esc10/32k/seeds/$seed" "$data" esc10/32k
done
python "$here/tables.py" seeds 0 "$results/results.json" \
    $(for path in "$results"/seeds/*/results.json; do
        echo "$(basename "$(dirname "$path")") $path"
    done) >"$work/table.md"
cat "$work/table.md"
python "$here/tables.py" fill "$here/../RESULTS.md" esc10-seeds <"$work/table.md"
