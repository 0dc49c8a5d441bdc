#!/bin/sh
# What one runtime answers on one machine: a file under $WORK/answers, and the seconds it took.
#
#   answer.sh MACHINE RUNTIME WHAT
#
# MACHINE: x86-64, or a board of userland.sh. WHAT: int8, int4 or float16 (classify the clips), live, info
# or features. WORK, USERLAND, REFERENCE, PYTHON: see run.sh.
set -eu
machine=$1 runtime=$2 what=$3
out=$WORK/answers/$machine/$runtime-$what

python() {
    if [ "$machine" = x86-64 ]; then
        PYTHONPATH=$REFERENCE OMP_NUM_THREADS=1 "$PYTHON" -S "$@" # -S: what is imported is the wheel
    else
        "$(dirname "$0")/enter.sh" "$USERLAND" "${machine%-trixie}" "$WORK" "$environment/bin/python" "$@"
    fi
}

edge_asc() { # by its command where there is one
    if [ "$machine" = x86-64 ]; then python -m edge_asc "$@"; else python "$environment/bin/edge-asc" "$@"; fi
}

model() { # PRECISION
    if [ "$runtime" = onnxruntime ]; then suffix=onnx; else suffix=tflite; fi
    echo "$at/models/fold1-$1.$suffix"
}

if [ "$machine" = x86-64 ]; then at=$WORK; else at=/mnt; fi
environment=/opt/edge-asc
if [ "$runtime" = tflite ] && [ -d "$USERLAND/system/opt/tflite" ]; then environment=/opt/tflite; fi
ran=$runtime
if [ "$machine" = x86-64 ] && [ "$runtime" = tflite ] && ! [ -d "$REFERENCE/tflite_runtime" ]; then
    ran=litert # no wheel for this Python
fi

started=$(date +%s%N)
case $what in
    info) edge_asc info --json >"$out" ;;
    features) python "$at/features.py" "$(model int8)" "$at/clips/audio" "$at${out#"$WORK"}.npz" ;;
    live)
        edge_asc live --source "$at/walk.wav" --model "$(model int8)" --runtime "$ran" --floor 0 --json \
            >"$out"
        ;;
    *) edge_asc classify "$at/clips" --model "$(model "$what")" --runtime "$ran" --json >"$out" ;;
esac 2>"$out.log" || { cat "$out.log" >&2 && echo "$machine: $runtime, $what: failed" >&2 && exit 1; }
echo $((($(date +%s%N) - started) / 100000000)) | sed 's/.$/.&/; s/^\./0./' >"$out.s"
