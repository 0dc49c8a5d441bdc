#!/bin/sh
# The wheel, the base install and the oldest runtimes, each in an environment of its own.
#
#   PYTHON=python3.11 tests/compat/run.sh
#
# PYTHON: 3.10 or 3.11, the last that tflite-runtime has wheels for [the one that is at hand].
# TRAIN_PYTHON: has edge-asc[train] and makes the files to compare [.venv/bin/python].
# BASE_PYTHONS: interpreters to try the base install with [PYTHON].
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=2 OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
unset PYTHONPATH

old_enough() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 12))' 2>/dev/null
}

new_environment() { # PYTHON FOLDER PACKAGE...
    "$1" -m venv --clear "$2"
    folder=$2
    shift 2
    "$folder/bin/python" -m pip install "$@"
}

quietly() { # COMMAND...: its output is of interest when it fails
    "$@" >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
}

python=
for candidate in ${PYTHON:-} python3.11 python3.10; do
    if old_enough "$candidate"; then python=$candidate && break; fi
done
if [ -z "$python" ]; then
    echo "skipped: tflite-runtime needs Python 3.10 or 3.11, and none is at hand"
    exit 0
fi
train_python=$(realpath -s "${TRAIN_PYTHON:-.venv/bin/python}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "== wheel, and wheel by way of the source archive"
mkdir "$work/source"
git ls-files -z --cached --others --exclude-standard >"$work/names"
tar -c --null --ignore-failed-read -T "$work/names" 2>/dev/null | tar -x -C "$work/source"
new_environment "$python" "$work/build" 'setuptools>=64' wheel
build=$work/build/bin/python
"$build" -m pip wheel --no-deps -w "$work/wheel" "$work/source"
cd "$work/source"
quietly "$build" -c 'from setuptools import build_meta; build_meta.build_sdist("..")'
cd "$root"
"$build" -m pip wheel --no-deps --no-build-isolation -w "$work/round-trip" "$work"/*.tar.gz
"$python" tests/compat/check_wheel.py "$work/source" "$work"/wheel/*.whl "$work"/round-trip/*.whl

echo "== files to compare"
quietly "$train_python" tests/compat/make_files.py "$work/files"

# From here on the checkout is out of reach: what is imported is the wheel.
mkdir "$work/checks"
cp -R tests pyproject.toml "$work/checks"
cd "$work/checks"

for base in ${BASE_PYTHONS:-$python}; do
    echo "== base install, $("$base" --version)"
    new_environment "$base" "$root/.venv-base" "$work"/wheel/*.whl
    "$root/.venv-base/bin/python" tests/compat/check_base.py "$work/files"
done

echo "== tflite-runtime 2.14.0, onnxruntime 1.19.2, numpy 1, $("$python" --version)"
new_environment "$python" "$root/.venv-compat" "$work"/wheel/*.whl \
    'numpy<2' tflite-runtime==2.14.0 onnxruntime==1.19.2 pytest hypothesis onnx
"$root/.venv-compat/bin/python" tests/compat/check_files.py "$work/files"
emulator=$(command -v qemu-x86_64 || command -v qemu-x86_64-static || :)
if [ -n "$emulator" ]; then
    echo "== the files of integers in onnxruntime 1.19.2 on a processor without VNNI, emulated"
    mkdir "$work/int8"
    cp "$work"/files/*-int[48].onnx "$work"/files/*-int[48].npz "$work/int8"
    quietly "$emulator" -cpu Haswell "$root/.venv-compat/bin/python" tests/compat/check_files.py \
        "$work/int8"
fi
"$root/.venv-compat/bin/pytest" -q -p no:cacheprovider \
    tests/runtime/test_runtime.py tests/runtime/test_classify.py tests/runtime/test_metadata.py
