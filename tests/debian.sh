#!/bin/sh
# The Debian packages that some tests need: a sound server, a broker, a browser, a database, emulation.
# Without them those tests are skipped. Needs root.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends \
    libportaudio2 pulseaudio pulseaudio-utils libasound2-plugins \
    mosquitto prometheus chromium systemd postgresql \
    mmdebstrap qemu-user-static
