#!/bin/sh
# The service in a real boot: a Debian in a container starts it, stops it, and lets it hang.
#
#   tests/pi/boot.sh         needs root, mmdebstrap and systemd-container; about a minute
#
# PYTHON: has pip and edge-asc [.venv/bin/python]. EDGE_ASC_BOOT: where the Debian is kept, 0.4 GB
# [~/.cache/edge-asc/boot].
set -eu
cd "$(dirname "$0")/../.."
export PYTHON="${PYTHON:-.venv/bin/python}" PIP_DISABLE_PIP_VERSION_CHECK=1
folder=${EDGE_ASC_BOOT:-${XDG_CACHE_HOME:-$HOME/.cache}/edge-asc/boot}
root=$folder/system
work=$(mktemp -d)
chmod 755 "$work" # the service is another user
trap 'rm -rf "$work"' EXIT

quietly() { # COMMAND...: its output is of interest when it fails
    "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2 && exit 1; }
}

contain() { # OPTION|COMMAND...
    systemd-nspawn -q -D "$root" -M "edge-asc-$$" --register=no --keep-unit --console=pipe \
        --bind="$work:/mnt" --bind-ro=/etc/resolv.conf --bind-ro=/etc/ssl/certs "$@"
}

key=$(sha256sum <"$0")
if [ "$(cat "$folder/key" 2>/dev/null)" != "$key" ]; then
    echo "== a Debian"
    rm -rf "$folder"
    mkdir -p "$folder"
    mmdebstrap --quiet --variant=minbase --components=main --aptopt='Acquire::Languages "none"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --include=systemd-sysv,python3-venv,libportaudio2 bookworm "$root"
    mkdir -p "$root/var/log/journal"
    quietly contain python3 -m venv /opt/edge-asc
    ln -s /opt/edge-asc/bin/edge-asc "$root/usr/local/bin/edge-asc"
    echo "$key" >"$folder/key"
fi

echo "== the wheel"
tests/pi/wheel.sh "$work"
"$PYTHON" tests/pi/make_clips.py "$work"
cp recipes/artifacts/esc10/fold1-int8.tflite "$work/model.tflite"
cp recipes/artifacts/esc10/fold1-int8.onnx "$work/model.onnx"
cp tests/pi/probe.sh "$work"
quietly contain sh -eu -c 'cd /mnt; PATH=/opt/edge-asc/bin:$PATH PIP_ROOT_USER_ACTION=ignore
    export PIP_ROOT_USER_ACTION PIP_CERT=/etc/ssl/certs/ca-certificates.crt
    pip install -q --force-reinstall --no-deps ./*.whl; pip install -q "$(ls ./*.whl)[live,onnx]"'

echo "== boot"
cat >"$root/etc/systemd/system/probe.service" <<'E2'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c '/bin/sh -eux /mnt/probe.sh >/mnt/said 2>&1 && echo passed >/mnt/passed'
ExecStopPost=/bin/systemctl --no-block poweroff
TimeoutStartSec=120
[Install]
WantedBy=multi-user.target
E2
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf ../probe.service "$root/etc/systemd/system/multi-user.target.wants/probe.service"
rm -rf "$root/var/log/journal/"* "$root/var/lib/private" "$root/var/lib/edge-asc"
rm -rf "$root/etc/systemd/system/edge-asc.service"* "$root/usr/local/share/edge-asc"
contain --boot --private-network >"$work/console" 2>&1 || true
if ! [ -e "$work/passed" ]; then
    cat "$work/console" "$work/said" >&2
    journalctl --no-pager -q -D "$root/var/log/journal" -u edge-asc >&2
    exit 1
fi
grep '^ok' "$work/said"
