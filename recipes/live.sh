#!/bin/sh
# What live listening costs, whether it leaks or drifts, and whether ARM answers alike: fills the
# tables of RESULTS.md and README.md. Needs tests/debian.sh's packages; takes about 20 minutes.
#
#   recipes/live.sh [live] [soak] [pi]
set -eu
cd "$(dirname "$0")/.."
model=recipes/artifacts/esc10/fold1-int8.tflite
PATH="$PWD/.venv/bin:$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fill() { # NAME FILE...: put $work/NAME between the markers
    name=$1
    shift
    for file in "$@"; do python recipes/tables.py fill "$file" "$name" <"$work/$name"; done
}

for part in ${*:-live soak pi}; do
    case $part in
    live) bench/installed.sh "$model" >"$work/live" && files="RESULTS.md README.md" ;;
    soak) python bench/soak.py "$model" --log --markdown >"$work/soak" && files=RESULTS.md ;;
    pi)
        EDGE_ASC_REQUIRE_PI=1 REPORT=$work/report tests/pi/run.sh pi4 pi5 zero2 pi5-trixie pi3-32bit
        mv "$work/report.md" "$work/pi" && files=RESULTS.md
        ;;
    *) echo "no part $part" >&2 && exit 2 ;;
    esac
    python recipes/tables.py where >>"$work/$part"
    # shellcheck disable=SC2086
    fill "$part" $files
done
