#!/bin/sh
# Architecture search at four sizes of the int8 file: 16, 32, 64 and 128 thousand bytes.
# Usage: recipes/search.sh DATA [TRIALS]     DATA: a data set with folds; fold 1 is never read
# Goes on where it was interrupted. Start it again, here or (with EDGE_ASC_STORAGE and
# EDGE_ASC_STORAGE_PASSWORD set to a PostgreSQL) on other machines, for more workers at a time;
# each with OMP_NUM_THREADS=1 where they share cores. EPOCHS, FOLD and SPACE change the defaults,
# PEAK_MEMORY=N limits the bytes of activations, SEEDS=0,1,2 trains the three best in full at the end.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/search.sh DATA [TRIALS]}
trials=${2:-60}
work=$here/out/search/$(basename "$data")
mkdir -p "$work"

for thousand_bytes in 128 64 32 16; do
    edge-asc search --rule edge-128k --bytes "${thousand_bytes}000" --study "${thousand_bytes}k" \
        --data "$data" --fold "${FOLD:-1}" --trials "$trials" --epochs "${EPOCHS:-15}" \
        ${SPACE:+--space "$SPACE"} ${PEAK_MEMORY:+--peak-memory "$PEAK_MEMORY"} --out "$work" --json >"$work/${thousand_bytes}k.json"
done
edge-asc search show --folder "$work" --out "$work/front.png"
if [ -n "${SEEDS:-}" ]; then
    edge-asc search best --folder "$work" --data "$data" --top 3 --seeds "$SEEDS" --plot "$work/best.png"
fi
echo "the best of 128,000 bytes as a preset: edge-asc search preset --folder $work --study 128k --trial N --out my.toml"
