#!/bin/sh
# ESC-10 by its official five folds, from int8 files of at most 128, 64, 32 and 16 thousand bytes.
# 128k-ram256k keeps within 256,000 bytes of memory as well, and so does encoder, which begins with what
# YAMNet taught, and learns what other sounds are from AMBIENCE (beside DATA by default).
# Usage: recipes/esc10.sh DATA [FOLD...]     DATA: folder of ESC-10 with meta.csv and audio/ (44.1 kHz)
# The 16k networks learn from those of 32k. SIZES="128k 32k" some sizes alone; 128k-relative is one too.
# Goes on where it was interrupted, see recipes/folds.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/esc10.sh DATA [FOLD...]}
shift
results=$here/artifacts/esc10

for size in ${SIZES:-128k 128k-ram256k encoder 64k 32k 16k}; do
    name=esc10/$size preset=esc10/$size
    [ "$size" != 128k ] || name=esc10
    [ "$size" != 16k ] || export TEACHERS=esc10/32k
    "$here/folds.sh" "$name" "$data" "$preset" "$@"
done

for page in RESULTS.md README.md; do
    python "$here/tables.py" results "$results/results.json" |
        python "$here/tables.py" fill "$here/../$page" esc10
    python "$here/tables.py" curve "$results/results.json" "$results"/*k/results.json \
        "$results/encoder/results.json" |
        python "$here/tables.py" fill "$here/../$page" esc10-curve
done
python "$here/tables.py" results "$results/results.json"
