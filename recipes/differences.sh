#!/bin/sh
# Which differences between the kept files are more than chance: paired tests on ESC-10 and ESC-50.
# Usage: recipes/differences.sh ESC-10 ESC-50
# Evaluations lie in recipes/out/differences and are made once; the table goes into RESULTS.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
usage="usage: recipes/differences.sh ESC-10 ESC-50"
esc10=${1:?$usage} esc50=${2:?$usage}
work=$here/out/differences
results=$here/artifacts/differences
mkdir -p "$work" "$results"

# ask NAME DATA FOLDER VARIANT [OPTION...]: evaluations of the five folds' files, in $work/NAME.
ask() {
    name=$1 data=$2 folder=$here/artifacts/$3 variant=$4
    shift 4
    for fold in 1 2 3 4 5; do
        [ -f "$work/$name/fold$fold/predictions.csv" ] || edge-asc evaluate \
            "$folder/fold$fold-$variant" --data "$data" --fold "$fold" \
            --out "$work/$name/fold$fold" "$@" >/dev/null
    done
}

# ask_seeds NAME FOLDER: those of ESC-10's int8 files of every seed kept, in $work/NAME/seedN.
ask_seeds() {
    ask "$1/seed0" "$esc10" "$2" int8.tflite
    for path in "$here/artifacts/$2"/seeds/*; do
        [ ! -d "$path" ] ||
            ask "$1/seed${path##*/}" "$esc10" "$2/seeds/${path##*/}" int8.tflite
    done
}

ask_seeds 128k esc10
for size in 128k-ram256k encoder 64k 32k 16k; do
    ask_seeds "$size" "esc10/$size"
done
ask 128k-float16 "$esc10" esc10 float16.tflite
ask relative "$esc10" esc10/128k-relative int8.tflite
ask plain "$esc10" esc10/plain int8.tflite
ask esc50 "$esc50" esc50 int8.tflite
ask esc50-float16 "$esc50" esc50 float16.tflite
ask esc50-int4 "$esc50" esc50 int4.tflite
ask esc50-one-view "$esc50" esc50 int8.tflite --views 1

cd "$work"
compare() {
    name=$1
    shift
    edge-asc compare "$@" --json >"$results/$name.json"
}
compare sizes '128k=128k/seed*/fold*' '64k=64k/seed*/fold*' '32k=32k/seed*/fold*' '16k=16k/seed*/fold*'
compare memory '128k=128k/seed*/fold*' '128k-ram256k=128k-ram256k/seed*/fold*' \
    'encoder=encoder/seed*/fold*'
compare int8 'float16=128k-float16' 'int8=128k/seed0'
compare relative '128k=128k/seed0' '128k-relative=relative'
compare recipe 'plain' '128k=128k/seed0'
compare esc50-int8 'float16=esc50-float16' 'int8=esc50'
compare esc50-int4 'int8=esc50' 'int4=esc50-int4'
compare esc50-views 'one view=esc50-one-view' 'four views=esc50'
python "$here/difference_tables.py" "$results" >table.md
cat table.md
python "$here/tables.py" fill "$here/../RESULTS.md" differences <table.md
