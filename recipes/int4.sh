#!/bin/sh
# Weights of four bits for ESC-50: rounded, trained, and mixed to at most 80,000 bytes.
# Usage: recipes/int4.sh DATA [FOLD...]     DATA: folder of ESC-50 with meta.csv and audio/
# WAYS="rounded trained mixed" makes the mixed files as well.
# Begins with the float16 files of recipes/artifacts/esc50, where the trained files go as well;
# the others and all figures in recipes/out/int4.
# Goes on where it was interrupted, network by network and epoch by epoch.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/int4.sh DATA [FOLD...]}
shift
folds=${*:-1 2 3 4 5}
out=$here/out/int4/esc50
mkdir -p "$out"

for fold in $folds; do
    for way in ${WAYS:-rounded trained}; do
        [ "$way" = trained ] && [ -f "$here/artifacts/esc50/fold$fold-int4.onnx" ] ||
            [ -f "$out/fold$fold-$way.onnx" ] ||
            python "$here/int4.py" make esc50 esc50/128k "$data" "$fold" "$way"
    done
    [ ! -f "$out/fold$fold-trained.onnx" ] || for format in tflite onnx; do
        cp "$out/fold$fold-trained.$format" "$here/artifacts/esc50/fold$fold-int4.$format"
    done
    [ -f "$out/fold$fold.json" ] || python "$here/int4.py" judge esc50 "$data" "$fold"
done
python "$here/int4.py" table esc50 >"$out/table.md"
cat "$out/table.md"
python "$here/tables.py" fill "$here/../RESULTS.md" int4 <"$out/table.md"
