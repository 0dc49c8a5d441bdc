#!/bin/sh
# What a teacher's embedding adds to its answers: a 32 KB network that learns from labels, from a
# wider network's answers, and from its answers and embedding, on validation recordings.
# Usage: recipes/embeddings.sh ESC-10     fold 1 is held out and plays no part in the figures
# Goes on where it was interrupted. SEEDS, TEACHER_EPOCHS and EPOCHS change the defaults.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/embeddings.sh ESC-10}
work=$here/out/embeddings

train() { # NAME SEED EPOCHS [OPTION…]
    name=$1 seed=$2 epochs=$3
    shift 3
    edge-asc train esc10/32k --data "$data" --fold 1 --out "$work" --name "$name-seed$seed" --resume \
        --seed "$seed" --set train.epochs="$epochs" --set train.ema=0.98 --set train.warmup_epochs=3 \
        --set data.val_fraction=0.25 --set data.speeds=[1.0] --set data.microphones=0 "$@"
}

for seed in ${SEEDS:-0 1 2 3}; do
    train teacher "$seed" "${TEACHER_EPOCHS:-40}" \
        --set 'model.options={channels = [16, 20, 28, 40], stem_kernel = 7, stem_stride = 4}'
    train labels "$seed" "${EPOCHS:-30}"
    train answers "$seed" "${EPOCHS:-30}" --teacher "$work/teacher-seed$seed"
    train embedding "$seed" "${EPOCHS:-30}" --teacher "$work/teacher-seed$seed" \
        --set train.distill_feature_weight=1
done
python "$here/embeddings_table.py" "$work"/*-seed* >"$work/table.md"
cat "$work/table.md"
python "$here/tables.py" fill "$here/../RESULTS.md" embeddings <"$work/table.md"
