#!/bin/sh
# The wheel on emulated Raspberry Pis: installed as docs/raspberry-pi.md says, that document's other
# commands tried, and its answers compared with those of an x86-64.
#
#   tests/pi/run.sh [BOARD...]    pi4, pi5, zero2, pi5-trixie or pi3-32bit [pi4]
#
# PYTHON: has edge-asc[train] [.venv/bin/python].
# REPORT: where the table and figures go, REPORT.md and REPORT.json [nowhere].
# EDGE_ASC_PI: where the userlands are kept, about 0.5 GB each [~/.cache/edge-asc/pi].
# Where a tool is missing it is skipped, unless CI=true or EDGE_ASC_REQUIRE_PI=1. Emulation says
# nothing about speed.
set -eu
cd "$(dirname "$0")/../.."
here=$PWD/tests/pi
DOCUMENT=$PWD/docs/raspberry-pi.md
PYTHON=$(realpath -s "${PYTHON:-.venv/bin/python}")
cache=${EDGE_ASC_PI:-${XDG_CACHE_HOME:-$HOME/.cache}/edge-asc/pi}
began=$(date +%s)
export DOCUMENT PYTHON PIP_DISABLE_PIP_VERSION_CHECK=1
unset PYTHONPATH

step() { printf '== %s (%ss)\n' "$*" "$(($(date +%s) - began))"; }

cannot() { # WHY
    if [ "${CI:-}" = true ] || [ "${EDGE_ASC_REQUIRE_PI:-}" = 1 ]; then
        echo "pi-test: $1" >&2 && exit 1
    fi
    echo "skipped: $1" && exit 0
}

quietly() { # COMMAND...: its output is of interest when it fails
    "$@" >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2 && exit 1; }
}

userland_of() { # BOARD
    case $1 in
        pi4 | pi5 | zero2) echo bookworm-arm64 ;;
        pi5-trixie) echo trixie-arm64 ;;
        pi3-32bit) echo bookworm-armhf ;;
        *) echo "no board $1: pi4, pi5, zero2, pi5-trixie or pi3-32bit" >&2 && exit 2 ;;
    esac
}

userland() { # NAME BOARD: one with the wheel in it
    USERLAND=$cache/$1 suite=${1%-*} arch=${1#*-} packages=apt
    export USERLAND
    if [ "$arch" = armhf ]; then packages=apt-32bit; fi
    quietly "$here/userland.sh" "$suite" "$arch" "$USERLAND" \
        $(sed 's/.*apt install//' "$WORK"/blocks/*-$packages.sh)
    if [ "$arch" = armhf ]; then
        quietly "$here/piwheels.sh" "$cache/piwheels" soxr msgspec
        cp "$cache"/piwheels/wheels/*.whl "$WORK/piwheels"
    fi
    quietly "$here/install.sh" "$2" "$wheel"
}

make_reference() { # BOARD: the same runtimes in the same versions for this machine
    environment=/opt/tflite
    if ! [ -d "$USERLAND/system/opt/tflite" ]; then environment=/opt/edge-asc; fi
    "$here/enter.sh" "$USERLAND" "$1" "$WORK" /opt/edge-asc/bin/pip --python $environment/bin/python \
        freeze |
        grep -E '^(ai.edge.litert|onnxruntime|tflite.runtime)=' >"$WORK/constraints"
    tflite='tflite-runtime==2.14.0 numpy<2'
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info >= (3, 12))' || tflite=
    key=$(cat "$WORK/constraints" "$WORK/install/requires" | sha256sum)
    if [ "$(cat "$REFERENCE/key" 2>/dev/null)" != "$key" ]; then
        rm -rf "$REFERENCE"
        quietly "$PYTHON" -m pip install -q --target "$REFERENCE" -c "$WORK/constraints" \
            "$WORK/$wheel[live,onnx]" $tflite
        echo "$key" >"$REFERENCE/key"
    fi
    quietly "$PYTHON" -m pip install -q --target "$REFERENCE" --upgrade --no-deps "$WORK/$wheel"
}

answers() { # MACHINE RUNTIME...
    machine=$1
    shift
    mkdir -p "$WORK/answers/$machine"
    for runtime in "$@"; do
        for what in info int8 int4 float16 live; do echo "$machine $runtime $what"; done
        if [ "$runtime" = "$1" ]; then echo "$machine $runtime features"; fi
    done | xargs -P "$(nproc)" -L 1 "$here/answer.sh"
}

runtimes() { # NAME: of a userland
    case $1 in
        bookworm-arm64) echo tflite litert onnxruntime ;;
        trixie-arm64) echo litert onnxruntime ;;
        *) echo tflite ;;
    esac
}

boards=${*:-pi4}
for board in $boards; do userland_of "$board" >/dev/null; done
for tool in mmdebstrap qemu-aarch64-static unshare unzip; do
    command -v $tool >/dev/null ||
        cannot "$tool is missing (apt install mmdebstrap qemu-user-static unzip)"
done
reason=$("$here/enter.sh" --possible arm64 2>&1) || cannot "no namespace to emulate in: $reason"
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # a second one would install into the same userlands
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
REFERENCE=$cache/x86-64
export WORK REFERENCE
mkdir "$WORK/piwheels"

step "wheel and clips"
quietly "$here/wheel.sh" "$WORK"
wheel=$(basename "$WORK"/edge_asc-*.whl)
"$PYTHON" "$here/blocks.py" "$DOCUMENT" "$WORK/blocks"
"$PYTHON" "$here/make_clips.py" "$WORK"
mkdir "$WORK/models"
cp recipes/artifacts/esc10/fold1-* "$WORK/models"
cp "$here/features.py" "$WORK"

followed=
for board in $boards; do
    name=$(userland_of "$board")
    step "$board: Debian $name with the wheel"
    userland "$name" "${board%-trixie}"
    if ! [ -d "$WORK/answers/x86-64" ]; then
        step "the same runtimes on this machine"
        make_reference "${board%-trixie}"
        answers x86-64 tflite litert onnxruntime
    fi
    step "$board: answers"
    answers "$board" $(runtimes "$name")
    case $followed in
        *$name*) ;;
        *) step "$board: the document's commands" && "$here/follow.sh" "${board%-trixie}" ;;
    esac
    followed="$followed $name"
done
step comparison
"$PYTHON" "$here/compare.py" "$WORK" ${REPORT:+"$REPORT"}
