#!/bin/sh
# Seconds of an epoch of compact-int8, before and after what profiling changed.
# Usage: bench/epochs.sh DATA [EPOCHS]      e.g. ESC-10, fold 1; prints the median without the first
set -eu
data=${1:?usage: bench/epochs.sh DATA [EPOCHS]}
epochs=${2:-4}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

measure() {
    name=$1
    shift
    edge-asc train compact-int8 --data "$data" --fold 1 --out "$work" --name "$name" \
        --set data.val_fraction=0 --set "train.epochs=$epochs" "$@" > /dev/null
    python - "$work/$name/metrics.csv" "$name" << 'PY'
import csv, statistics, sys
rows = list(csv.DictReader(open(sys.argv[1])))
seconds = [float(row["seconds"]) for row in rows[1:]]  # the first epoch warms up, or compiles
print(f"| {sys.argv[2]} | {statistics.median(seconds):.1f} | {float(rows[0]['seconds']):.1f} |")
PY
}

echo '| training | s an epoch | s, the first |'
echo '| --- | ---: | ---: |'
measure before --set train.precision=float32 --set train.fast_maximum=false
measure default
measure compiled --set train.compile=true
python -c "import datetime, os, platform, torch
print(f'\n{datetime.date.today()}; {os.cpu_count()} cores, {platform.machine()}; torch {torch.__version__}.')"
