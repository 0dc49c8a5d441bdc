#!/bin/sh
# What `pip install edge-asc[live]` takes in an empty environment, and what a live stream costs in it:
#
#   bench/installed.sh MODEL [SECONDS]
#
# Two environments are left under .venv-live/: litert, as pip installs it, and tflite, with
# tflite-runtime and numpy 1 in place of LiteRT. PYTHON: 3.10 or 3.11, for tflite-runtime's sake.
set -eu
cd "$(dirname "$0")/.."
model=$1 seconds=${2:-60}
python=${PYTHON:-python3.11}
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=2

for name in litert tflite; do
    "$python" -m venv --clear ".venv-live/$name"
    .venv-live/$name/bin/python -m pip install '.[live]'
done
.venv-live/tflite/bin/python -m pip uninstall -y ai-edge-litert
.venv-live/tflite/bin/python -m pip install 'numpy<2' tflite-runtime==2.14.0

echo "| installed | MB |"
echo "| --- | ---: |"
for name in litert tflite; do
    site=$(echo .venv-live/$name/lib/python3*/site-packages)
    # pip and setuptools are in every environment, and not ours.
    mb=$(du -sm --exclude=pip --exclude='pip-*' --exclude=setuptools --exclude='setuptools-*' \
        "$site" | cut -f1)
    echo "| edge-asc[live], $name | $mb |"
done
echo
.venv/bin/python bench/live.py "$model" .venv-live/litert/bin/python .venv-live/tflite/bin/python \
    --seconds "$seconds" --markdown
