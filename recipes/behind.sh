#!/bin/sh
# What a network behind an encoder makes of microphones that training never heard, of quiet rooms and
# of strange sounds: rows behind* of recipes/means.sh, judged on the same validation clips.
# Usage: recipes/behind.sh ESC-10 ESC-50 [ROW...]     ambience/ lies beside ESC-10, for behind-unknown
# SEEDS [0] and FOLDS [2 3] change the defaults. Goes on where it was interrupted; what is in
# recipes/artifacts/means is not asked again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
usage="usage: recipes/behind.sh ESC-10 ESC-50 [ROW...]"
data=${1:?$usage} others=${2:?$usage}
shift 2
rows=${*:-behind behind-quiet behind-far behind-unknown behind-fine behind-rooms behind-responses \
    behind-mixed behind-others behind-others-more behind-apart}
work=$here/out/means
kept=$here/artifacts/means

mkdir -p "$work"
[ -d "$work/quiet" ] || python "$here/quiet_room.py" "$work/quiet"
[ -d "$work/other" ] || python "$here/behind_table.py" others "$others" "$work/other"
for row in $rows; do
    for seed in ${SEEDS:-0}; do
        for fold in ${FOLDS:-2 3}; do
            run=$work/$row/fold$fold-seed$seed figures=$kept/$row/fold$fold-seed$seed
            [ ! -f "$figures.json" ] || continue
            [ -f "$run/weights.pt" ] || rm -f "$figures.csv" # answers of a network that is gone: anew
            FOLDS=$fold SEEDS=$seed "$here/means.sh" "$data" "$row" >/dev/null
            [ -f "$run/microphones/metrics.json" ] || edge-asc evaluate "$run" --data "$work/inner" \
                --fold "$fold" --microphones clean,unseen:6 --out "$run/microphones" >/dev/null
            for sounds in quiet other; do
                [ -f "$run/$sounds.npz" ] ||
                    edge-asc predict "$run" --data "$work/$sounds" --out "$run/$sounds.npz" >/dev/null
            done
            python "$here/behind_table.py" keep "$run" "$figures.json"
        done
    done
done

python "$here/behind_table.py" table "$kept" >"$work/behind.md"
cat "$work/behind.md"
python "$here/tables.py" fill "$here/../RESULTS.md" behind <"$work/behind.md"
