#!/bin/sh
# An encoder that ships: one AMFM network learns from YAMNet what sounds have to do with each other,
# becomes an int8 file, and is measured on sounds of 40 classes that nobody taught it.
# Usage: recipes/encoder.sh DATA MODELS [WINDOWS]     ENCODER=encoder-lite for that one
#   DATA: folder with ambience/ and esc10/ (to learn from, CC0 and CC BY), esc50/ (to measure only)
#   MODELS: folder with yamnet_256_f32.h5 and yamnet.tflite (Apache-2.0)
# Needs h5py (pip install h5py) beside edge-asc[dev]. Two processes of one thread each.
# WINDOWS are those of the kept files: the rate falls over the last half of them. Then 96,000 with
# rounding in place. An hour or more. Goes on where it was interrupted; with more WINDOWS it learns
# on from its last checkpoint.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/encoder.sh DATA MODELS [WINDOWS]}
models=${2:?usage: recipes/encoder.sh DATA MODELS [WINDOWS]}
windows=${3:-1200000}
name=${ENCODER:-encoder}
out=$here/out/$name/run
kept=$here/artifacts/$name
own=
# Half the frames, and none of ESC-10's sounds.
[ "$name" != encoder-lite ] || own="--set model.channels=12,24,48,96,96,96,96
    --set model.frame_stride=4 --set shares=0.7,0,0.3"
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"

# shellcheck disable=SC2086
python "$here/encoder/train.py" "$out" --data "$data" --models "$models" --eager \
    --windows "$windows" --decay $((windows / 2)) $own
mkdir -p "$kept"
python "$here/encoder/quantise.py" "$out" "$kept/encoder-int8.tflite" --windows 96000 --name "$name"
python "$here/encoder/table.py" "$data" "$models" log-mel yamnet-256 yamnet-1024 \
    "$out/student.ckpt" "$kept/encoder-int8.tflite" \
    --json "$kept/results.json"
python "$here/encoder/table.py" "$data" "$models" "$out/student.ckpt" --unit \
    --json "$kept/results.json"
cp "$out/log.csv" "$out/table.csv" "$kept/"
python "$here/encoder/keep.py" "$out" "$kept/checkpoint"
python "$here/encoder/results.py" "$out" "$kept/encoder-int8.tflite" "$kept/results.json"
python "$here/encoder/rows.py" "$kept/results.json" |
    python "$here/tables.py" fill "$here/../RESULTS.md" "$name"
[ "$name" = encoder ] || exit 0

# Short trainings that differ from that in one thing: as long again.
python "$here/encoder/ablation.py" "$here/out/encoder/ablation" "$kept/ablation.json" \
    --data "$data" --models "$models" |
    python "$here/tables.py" fill "$here/../RESULTS.md" encoder-ablation
