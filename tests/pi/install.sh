#!/bin/sh
# The wheel into a userland, as the document tells a newcomer.
#
#   install.sh BOARD WHEEL        USERLAND, WORK: see run.sh; WORK/blocks: of blocks.py
#
# /opt/edge-asc is what the document's commands make, with [onnx] added where that runs. On a 64-bit
# bookworm /opt/tflite has tflite-runtime and the numpy that it needs. A later call replaces the
# wheel alone, unless it asks for other packages. There is no compiler inside, and pip takes nothing
# but wheels.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
board=$1 wheel=$2 arch=$(cat "$USERLAND/arch") suite=$(cat "$USERLAND/suite")

enter() { # COMMAND...
    "$here/enter.sh" "$USERLAND" "$board" "$WORK" "$@"
}

pip() { # ENVIRONMENT ARGUMENT...
    environment=$1
    shift
    enter /opt/edge-asc/bin/pip --python "/opt/$environment/bin/python" "$@"
}

rm -rf "$WORK/install"
mkdir "$WORK/install"
cd "$WORK/install"
if [ "$arch" = arm64 ]; then
    cat "$WORK"/blocks/*-install.sh >edge-asc.sh
    echo "/opt/edge-asc/bin/pip install '/mnt/$wheel[live,onnx]'" >>edge-asc.sh
else
    cat "$WORK"/blocks/*-install-32bit.sh >edge-asc.sh
fi
if [ "$suite-$arch" = bookworm-arm64 ]; then
    # Without a pip of its own, whose installation would take as long as all the rest.
    cat >tflite.sh <<END
python3 -m venv --without-pip /opt/tflite
PYTHONPATH=\$(echo /usr/share/python-wheels/pip-*.whl) /opt/tflite/bin/python -m pip install \\
    '/mnt/$wheel[live,onnx]' 'numpy<2' tflite-runtime==2.14.0
END
fi
unzip -p "$WORK/$wheel" '*/METADATA' | grep ^Requires-Dist >requires
key=$(cat "$here/enter.sh" ./* | sha256sum)
cp "$WORK/$wheel" "$USERLAND/system/root"

if [ "$(cat "$USERLAND/installed" 2>/dev/null)" = "$key" ]; then
    for script in *.sh; do # as pip would, without half a minute of emulation
        site=$(echo "$USERLAND/system/opt/${script%.sh}"/lib/python3*/site-packages)
        rm -r "$site"/edge_asc*
        unzip -q "$WORK/$wheel" -d "$site"
    done
else
    rm -rf "$USERLAND/installed" "$USERLAND/system/opt" "$USERLAND"/system/usr/local/bin/edge-asc
    mkdir "$USERLAND/system/opt"
    enter ldconfig # what installing packages, not only unpacking them, would have done
    for script in *.sh; do echo "$script"; done | xargs -P 2 -I {} \
        "$here/enter.sh" "$USERLAND" "$board" "$WORK" sh -eux /mnt/install/{}
    for script in *.sh; do pip "${script%.sh}" check; done
    if enter sh -c 'command -v cc gcc clang'; then echo "a compiler is inside" >&2 && exit 1; fi
    echo "$key" >"$USERLAND/installed"
fi
