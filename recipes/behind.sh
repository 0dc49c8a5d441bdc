#!/bin/sh
# What a network behind an encoder makes of microphones that training never heard, of quiet rooms and
# of strange sounds: rows behind* of recipes/means.sh, judged on the same validation clips.
# Usage: recipes/behind.sh ESC-10 ESC-50 [ROW...]     ambience/ lies beside ESC-10, for behind-unknown
# SEEDS and FOLDS change the defaults of recipes/means.sh. Goes on where it was interrupted; what is
# in recipes/artifacts/means is not asked again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
usage="usage: recipes/behind.sh ESC-10 ESC-50 [ROW...]"
data=${1:?$usage} others=${2:?$usage}
shift 2
rows=${*:-behind behind-quiet behind-far behind-unknown behind-fine behind-fine-8 behind-responses \
    behind-mixed}
work=$here/out/means
kept=$here/artifacts/means

[ -d "$work/quiet" ] || python "$here/quiet_room.py" "$work/quiet"
[ -d "$work/other" ] || python "$here/behind_table.py" others "$others" "$work/other"
for row in $rows; do
    "$here/means.sh" "$data" "$row" >/dev/null
    for seed in ${SEEDS:-0}; do
        for fold in ${FOLDS:-2 3 4 5}; do
            run=$work/$row/fold$fold-seed$seed
            [ ! -f "$kept/$row/fold$fold-seed$seed.json" ] || continue
            [ -f "$run/microphones/metrics.json" ] || edge-asc evaluate "$run" --data "$work/inner" \
                --fold "$fold" --microphones clean,unseen:6 --out "$run/microphones" >/dev/null
            for sounds in quiet other; do
                [ -f "$run/$sounds.npz" ] ||
                    edge-asc predict "$run" --data "$work/$sounds" --out "$run/$sounds.npz" >/dev/null
            done
            python "$here/behind_table.py" keep "$run" "$kept/$row/fold$fold-seed$seed.json"
        done
    done
done

python "$here/behind_table.py" table "$kept" >"$work/behind.md"
cat "$work/behind.md"
python "$here/tables.py" fill "$here/../RESULTS.md" behind <"$work/behind.md"
