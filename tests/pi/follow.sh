#!/bin/sh
# The document's other commands, in their order, as a newcomer would type them.
#
#   follow.sh BOARD        USERLAND, WORK: see run.sh; WORK/blocks: of blocks.py
#
# Blocks that are marked `run` must succeed. There is no microphone here: those that are marked
# `microphone` must say so in a line, and nothing worse.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=$USERLAND/system/root
cp "$WORK/walk.wav" "$home/street.wav"
cp "$WORK/models/fold1-int8.tflite" "$home/model.tflite"
rm -f "$home"/scenes.* "$USERLAND/system/etc/systemd/system/edge-asc.service"

failed() { # WHY
    cat "$block" "$WORK/log" >&2
    echo "$DOCUMENT, ${block##*/}: $1" >&2
    exit 1
}

for block in "$WORK"/blocks/*-run.sh "$WORK"/blocks/*-microphone.sh; do
    code=0
    "$here/enter.sh" "$USERLAND" "$1" "$WORK" sh -eu "/mnt/blocks/${block##*/}" >"$WORK/log" 2>&1 ||
        code=$?
    if grep -q Traceback "$WORK/log"; then failed "a traceback"; fi
    case $block in
        *-run.sh) [ $code = 0 ] || failed "exit code $code" ;;
        *) [ $code -le 1 ] && grep -qE 'no (sound|microphone)' "$WORK/log" || failed "exit code $code" ;;
    esac
done
