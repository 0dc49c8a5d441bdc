#!/bin/sh
# The encoder that ships: one AMFM network learns from YAMNet what sounds have to do with each other,
# becomes an int8 file, and is measured on sounds of 40 classes that nobody taught it.
# Usage: recipes/encoder.sh DATA MODELS [WINDOWS]
#   DATA: folder with ambience/ (to learn from, CC0 and CC BY), esc10/ (for the ablation alone),
#   esc50/ (to measure only)
#   MODELS: folder with yamnet_256_f32.h5 and yamnet.tflite (Apache-2.0)
# Needs h5py (pip install h5py) beside edge-asc[dev]. Two processes of one thread each.
# WINDOWS are those of the kept files: the rate falls over the last half of them. Then 96,000 with
# rounding in place. Half an hour or more. Goes on where it was interrupted; with more WINDOWS it learns
# on from its last checkpoint.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/encoder.sh DATA MODELS [WINDOWS]}
models=${2:?usage: recipes/encoder.sh DATA MODELS [WINDOWS]}
windows=${3:-1200000}
out=$here/out/encoder/run
kept=$here/artifacts/encoder
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"

python "$here/encoder/train.py" "$out" --data "$data" --models "$models" --eager \
    --windows "$windows" --decay $((windows / 2))
mkdir -p "$kept"
python "$here/encoder/quantise.py" "$out" "$kept/encoder-int8.tflite" --windows 96000
python "$here/encoder/table.py" "$data" "$models" log-mel yamnet-256 yamnet-1024 \
    "$out/student.ckpt" "$kept/encoder-int8.tflite" \
    --json "$kept/results.json"
python "$here/encoder/table.py" "$data" "$models" "$out/student.ckpt" --unit \
    --json "$kept/results.json"
cp "$out/log.csv" "$out/table.csv" "$kept/"
python "$here/encoder/keep.py" "$out" "$kept/checkpoint"
python "$here/encoder/results.py" "$out" "$kept/encoder-int8.tflite" "$kept/results.json"
python "$here/encoder/rows.py" "$kept/results.json" |
    python "$here/tables.py" fill "$here/../RESULTS.md" encoder

# Short trainings of the encoder before that differ in one thing: an hour.
python "$here/encoder/ablation.py" "$here/out/encoder/ablation" "$kept/ablation.json" \
    --data "$data" --models "$models" |
    python "$here/tables.py" fill "$here/../RESULTS.md" encoder-ablation
