#!/bin/sh
# What unseen microphones cost the int8 files of ESC-10:
# - of compact-int8, which has heard no simulated microphones: recipes/folds.sh esc10/plain DATA compact-int8
# - of esc10/128k, which has heard them: recipes/esc10.sh DATA
# - of esc10/128k-relative, with relative features as well: SIZES=128k-relative recipes/esc10.sh DATA
# - of esc10/encoder, which has heard them, behind an encoder: SIZES=encoder recipes/esc10.sh DATA
# Usage: recipes/microphones.sh DATA [FOLD...]     DATA: ESC-10 (44.1 kHz). No training, some minutes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/microphones.sh DATA [FOLD...]}
shift
work=$here/out/microphones
microphones=${MICROPHONES:-clean,seen:12,unseen:12} # four of each unseen family

for fold in ${*:-1 2 3 4 5}; do
    for name in plain esc10 128k-relative encoder; do
        files=$here/artifacts/esc10
        [ "$name" = esc10 ] || files=$files/$name
        out=$work/$name/fold$fold
        [ -f "$out/metrics.json" ] || edge-asc evaluate "$files/fold$fold-int8.tflite" \
            --data "$data" --fold "$fold" --microphones "$microphones" --out "$out"
    done
done
python "$here/ablation_table.py" microphones "$work" >"$work/table.md"
cat "$work/table.md"
python "$here/tables.py" fill "$here/../RESULTS.md" microphones <"$work/table.md"
