#!/bin/sh
# `edge-asc teach` of 48 clips on an emulated Raspberry Pi: that it ends, and its largest memory.
# Emulation says nothing about a Pi's speed; its seconds are an upper bound.
# Usage: recipes/teach_pi.sh ESC50 [BOARD]
#   ESC50: the data, with meta.csv and audio/
#   BOARD: pi4, pi5 or zero2 [pi4]; `make pi-test BOARDS=...` has made its userland before
set -eu
here=$(cd "$(dirname "$0")" && pwd)
esc50=${1:?usage: recipes/teach_pi.sh ESC50 [BOARD]}
board=${2:-pi4}
userland=${EDGE_ASC_PI:-${XDG_CACHE_HOME:-$HOME/.cache}/edge-asc/pi}/bookworm-arm64
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}" python "$here/teach/clips.py" "$esc50" "$work/clips.csv"
tail -n +2 "$work/clips.csv" | tr -d '\r' | while IFS=, read -r path label recording; do
    mkdir -p "$work/clips/$label/$recording"
    cp "$path" "$work/clips/$label/$recording"
done
cp "$here/../bench/measure.py" "$work"
"$here/../tests/pi/enter.sh" "$userland" "$board" "$work" /opt/edge-asc/bin/python /mnt/measure.py \
    /opt/edge-asc/bin/edge-asc teach /mnt/clips --out /mnt/four.tflite
