#!/bin/sh
# What has 32-bit ARM wheels at piwheels alone: built once, in a userland of its own.
#
#   piwheels.sh FOLDER PACKAGE...       FOLDER gets wheels/; a quarter of an hour, emulated
#
# The Debian that they are for has no compiler, as a Pi that asks piwheels needs none.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
shift
key=$(echo "$@" | cat - "$0" | sha256sum)
if [ "$(cat "$folder/wheels/key" 2>/dev/null)" = "$key" ]; then exit 0; fi
"$here/userland.sh" bookworm armhf "$folder/builder" python3-venv python3-dev gcc g++ cmake ninja-build
mkdir -p "$folder/wheels"
cat >"$folder/wheels/build.sh" <<'END'
set -eu
ldconfig
export CC=gcc CXX=g++
python3 -m venv /opt/build
linux32 /opt/build/bin/pip wheel --no-deps -w /mnt "$@"
END
"$here/enter.sh" "$folder/builder" pi3-32bit "$folder/wheels" sh /mnt/build.sh "$@"
echo "$key" >"$folder/wheels/key"
rm -rf "$folder/builder"
