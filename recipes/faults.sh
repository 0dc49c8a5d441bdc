#!/usr/bin/env bash
# Every fault of bench/faults as often as RESULTS.md says: about an hour, most of it waiting.
#
#   recipes/faults.sh [NAME ...]     # only these; the others' findings stay in recipes/artifacts/faults
#
# Needs what tests/debian.sh installs for a microphone, and user name spaces for a disk that fills.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
found=recipes/artifacts/faults
mkdir -p "$found"
for name in ${*:-bits graphs metadata audio kills idle half microphone controls day}; do
    "$python" bench/faults "$name" --json "$found/$name.json" || echo "$name: something went wrong" >&2
done
{ "$python" bench/faults table "$found"; "$python" recipes/tables.py where; } |
    "$python" recipes/tables.py fill RESULTS.md faults
