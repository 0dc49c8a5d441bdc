#!/bin/sh
# What further means of training are worth: the 32 KB network of ESC-10, each added alone, all else
# equal, on validation recordings. Fold 1 is left out altogether; each of the other four is held out
# in turn, and the figures are of these clips.
# Usage: recipes/means.sh ESC-10 [ROW...]     rows: see settings below
# MODELS=DIR for the rows yamnet and encoder*, which know more than these clips: the folder with YAMNet's
# files; for encoder*, beside ESC-10 lie ambience/ to learn from and esc50/ to see how that goes. Rows
# behind* begin with encoder-lite, which comes along.
# SEEDS, FOLDS and EPOCHS change the defaults. Goes on where it was interrupted. What each network
# answered lies in recipes/artifacts/means; a network whose answers are there is not trained again.
# Rows may run side by side, each with OMP_NUM_THREADS=1.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: recipes/means.sh ESC-10 [ROW...]}
shift
rows=${*:-base salient wide wide-128 stem-4 stem-2 stem-1 branches mixed tuned two front-end long \
    mixed-long wide-128-long int8 int4 two-int4}
work=${OUT:-$here/out/means}
kept=${OUT:-$here/artifacts/means}
epochs=${EPOCHS:-100}
seeds=${SEEDS:-0}
folds=${FOLDS:-2 3 4 5}
inner=$work/inner
[ -d "$inner" ] || python "$here/means.py" inner "$data" "$inner"

settings() { # ROW
    case $1 in
    base) ;;
    salient) options ',pool="salient"' ;;
    branches) options ',branches=true' ;;
    cut-mix) echo "--set augment.cut_mix=0.5" ;;
    binary) echo "--set train.loss=binary" ;;
    mixed) echo "--set train.loss=binary --set augment.sound_mix=0.5 --set augment.cut_mix=1" ;;
    long) echo "--set train.epochs=$((4 * epochs))" ;;
    mixed-long) settings mixed && settings long ;;
    wide-128-long) settings wide-128 && settings long ;;
    wide) options ',pool="salient"' 8,16,32,48,56 ;;
    wide-128) mels_128 16,16,32,48,52 ;;
    int4-float) mels_128 16,24,40,64,72 ;;
    half) mels_128 16,16,28,40,48 ;;
    stem-4) mels_128 16,16,32,48,52 mean ;;
    stem-2)
        mels 96
        echo "--set model.options={channels=[8,8,16,32,48,52],stem_kernel=5,stem_stride=2}"
        ;;
    stem-1)
        mels 128
        echo "--set model.options={channels=[16,16,24,32,40,48]}"
        ;;
    yamnet | front-end) echo "--answers $work/$1-answers/fold$2.npz" ;;
    *) echo "no row $1" >&2 && exit 2 ;;
    esac
}

options() { # MORE [CHANNELS]
    echo "--set model.options={channels=[${2:-8,12,16,26}],stem_kernel=7,stem_stride=4$1}"
}

mels() { # COUNT
    echo "--set frontend.n_mels=$1 --set augment.frequency_mask_mels=$(($1 / 8))"
}

mels_128() { # CHANNELS [POOL]
    mels 128
    options ",pool=\"${2:-salient}\"" "$1"
}

# Training behind encoder-lite, as it comes along: as encoder-base; longer, with all that esc10/128k does to
# recordings; that with more of one thing or another.
behind() { # ROW
    case $1 in
    behind) ;;
    behind-far)
        echo "--set train.epochs=50"
        echo "--set data.speeds=[0.8,0.9,1.0,1.1,1.25] --set data.microphones=8"
        echo "--set augment.response_db=6 --set augment.noise_probability=0.5"
        ;;
    behind-mixed)
        behind behind-far
        echo "--set augment.mixup_alpha=0.4 --set augment.frequency_masks=2 --set augment.time_masks=2"
        echo "--set augment.frequency_mask_mels=8 --set augment.time_mask_frames=40"
        ;;
    behind-unknown)
        python "$here/means.py" strange "$(dirname "$data")/ambience" "$work/strange"
        behind behind-far
        echo "--set data.unknown_part=0.2 --set data.unknown=$work/strange"
        ;;
    behind-fine-8) behind behind-fine && echo "--set augment.response_db=8" ;;
    behind-quiet) echo "--set data.unknown_part=0.2" ;;
    behind-rooms) behind behind-far && behind behind-quiet && echo "--set augment.response_points=24" ;;
    behind-fine) behind behind-unknown && echo "--set augment.response_points=24" ;;
    behind-others) behind behind-fine && echo "--set data.unknown_answer=others" ;;
    behind-apart) behind behind-fine && echo "--set data.unknown_answer=apart" ;;
    behind-others-more) behind behind-others && echo "--set data.unknown_part=0.4" ;;
    behind-responses) behind behind-far && echo "--set augment.response_db=10 --set augment.response_points=24" ;;
    behind-free) behind behind-far && echo "--set model.options.unit_length=false" ;;
    *) echo "no row $1" >&2 && exit 2 ;;
    esac
}

train() ( # ROW FOLD SEED [OPTION...]
    row=$1 fold=$2 seed=$3
    shift 3
    [ -f "$work/$row/fold$fold-seed$seed/weights.pt" ] || edge-asc train esc10/32k --data "$inner" \
        --fold "$fold" --seed "$seed" --out "$work/$row" --name "fold$fold-seed$seed" --resume \
        --set train.compile=true --set train.precision=float32 --set "train.epochs=$epochs" "$@"
)

ask() { # ROW FOLD SEED [FILE]
    run=$work/$1/fold$2-seed$3
    edge-asc evaluate "${4:-$run}" --data "$inner" --fold "$2" --out "$run/evaluation" >/dev/null
    python "$here/means.py" keep "$run/evaluation/predictions.csv" "$kept/$1/fold$2-seed$3.csv"
}

# A wider network that hears the clips otherwise, 96 mels at 16 kHz: what it answers to each clip.
teach() { # FOLD
    run=$work/teacher/fold$1
    [ -f "$run/weights.pt" ] || edge-asc train esc10/32k --data "$inner" --fold "$1" \
        --out "$work/teacher" --name "fold$1" --resume --set train.compile=true \
        --set train.precision=float32 --set "train.epochs=$epochs" \
        --set frontend.sample_rate_hz=16000 --set frontend.n_fft=1024 --set frontend.win_length=640 \
        --set frontend.hop_length=320 --set frontend.n_mels=96 \
        --set "model.options={channels=[16,20,28,40],stem_kernel=7,stem_stride=4}"
    mkdir -p "$work/front-end-answers"
    edge-asc predict "$run" --data "$inner" --out "$work/front-end-answers/fold$1.npz"
}

# Three short trainings from the row base's network, and the mean of their weights.
tune() { # FOLD SEED
    run=$work/tuned/fold$1-seed$2
    [ -f "$run/weights.pt" ] && return
    train base "$1" "$2"
    for again in 1 2 3; do
        train "tuned-$again" "$1" "$again$2" --init "$work/base/fold$1-seed$2" \
            --set "train.epochs=$((epochs / 5))" --set train.learning_rate=1e-3 --set train.warmup_epochs=3
    done
    edge-asc join "$work"/tuned-[123]/fold"$1"-seed[123]"$2" --average --out "$run"
}

# The networks of this seed and the next one, their logits' mean.
two() { # FOLD SEED
    run=$work/two/fold$1-seed$2 next=$(($2 + 1))
    [ -f "$run/weights.pt" ] && return
    train base "$1" "$2"
    train base "$1" "$next"
    edge-asc join "$work/base/fold$1-seed$2" "$work/base/fold$1-seed$next" --out "$run"
}

# A network that YAMNet taught, begun from which another learns. A third as long as the encoder of
# `teach`, and without ESC-10's sounds.
listen() ( # ROW
    run=$work/$1-run own= plain=
    [ ! -f "$work/$1.tflite" ] || exit 0
    case $1 in
    encoder-lite) own="--set model.channels=12,24,48,96,96,96,96 --set model.frame_stride=4" ;;
    encoder-ram256k)
        own="--set model.name=compact --set model.stem_kernel=7 --set model.stem_stride=4"
        own="$own --set model.channels=16,16,32,48,52 --set model.pool=salient"
        plain=--plain
        ;;
    esac
    export PYTHONPATH="$here"
    # shellcheck disable=SC2086
    python "$here/encoder/train.py" "$run" --eager --processes 1 --data "$(dirname "$data")" \
        --models "${MODELS:?row $1: where are the files of YAMNet?}" --windows 400000 \
        --decay 200000 --judge-s 1e9 --set batch=64 --set "shares=0.7,0,0.3" $own
    # shellcheck disable=SC2086
    python "$here/encoder/quantise.py" "$run" "$run/embedding.tflite" --windows 32000 --threads 1 $plain
    python "$here/means.py" encoder "$run/embedding.tflite" "$work/$1.tflite"
)

# Two networks of another seed each and of half the bytes, their logits' mean.
halves() { # FOLD SEED
    run=$work/two-int4-float/fold$1-seed$2
    [ ! -f "$run/weights.pt" ] || return 0
    for member in 1 2; do
        # shellcheck disable=SC2046
        train half "$1" "$member$2" $(settings half)
    done
    edge-asc join "$work/half/fold$1-seed1$2" "$work/half/fold$1-seed2$2" --out "$run"
}

# A network's file of at most 128,000 bytes with weights of four or eight bits, trained so.
narrow() { # RUN WEIGHTS
    edge-asc quantize "$1" --weights "$2" --data "$inner" --teacher "$1" --resume \
        --set quantize.epochs=20 --set quantize.learning_rate=3e-4
    edge-asc export "$1" "--$2" --out "$1/export" --overwrite
}

for row in $rows; do
    for seed in $seeds; do
        for fold in $folds; do
            [ ! -f "$kept/$row/fold$fold-seed$seed.csv" ] || continue
            file=
            case $row in
            tuned) tune "$fold" "$seed" ;;
            two) two "$fold" "$seed" ;;
            encoder | encoder-lite | encoder-ram256k)
                listen "$row"
                [ -f "$work/$row/fold$fold-seed$seed/weights.pt" ] || edge-asc train encoder-base \
                    --data "$inner" --fold "$fold" --seed "$seed" --out "$work/$row" \
                    --name "fold$fold-seed$seed" --resume \
                    --set "model.options={base=\"$work/$row.tflite\"}"
                ;;
            behind*)
                own=$(behind "$row")
                # shellcheck disable=SC2086
                [ -f "$work/$row/fold$fold-seed$seed/weights.pt" ] || edge-asc train encoder-base \
                    --data "$inner" --fold "$fold" --seed "$seed" --out "$work/$row" \
                    --name "fold$fold-seed$seed" --resume $own
                ;;
            int8 | int4 | two-int4)
                float=$row-float
                [ "$row" != int8 ] || float=wide-128
                if [ "$row" = two-int4 ]; then
                    halves "$fold" "$seed"
                else
                    # shellcheck disable=SC2046
                    train "$float" "$fold" "$seed" $(settings "$float")
                fi
                run=$work/$float/fold$fold-seed$seed
                narrow "$run" "${row#two-}"
                file=$run/export/fold$fold-seed$seed-${row#two-}.tflite
                ;;
            *)
                [ "$row" != front-end ] || teach "$fold"
                [ "$row" != yamnet ] || [ -d "$work/yamnet-answers" ] || python "$here/means.py" \
                    yamnet "${MODELS:?row yamnet: where is yamnet.tflite?}/yamnet.tflite" "$inner" \
                    "$work/yamnet-answers"
                own=$(settings "$row" "$fold") # by itself, so that an unknown row ends all
                # shellcheck disable=SC2086
                train "$row" "$fold" "$seed" $own
                ;;
            esac
            # shellcheck disable=SC2086
            ask "$row" "$fold" "$seed" $file
        done
    done
done

python "$here/means.py" table "$kept" >"$work/table.md"
cat "$work/table.md"
[ -n "${OUT:-}" ] || python "$here/tables.py" fill "$here/../RESULTS.md" means <"$work/table.md"
