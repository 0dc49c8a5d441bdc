#!/bin/sh
# Unpack a Debian for ARM, and describe the boards that it may run on.
#
#   userland.sh SUITE ARCH FOLDER PACKAGE...    bookworm or trixie; arm64 or armhf
#
# FOLDER gets suite, arch, system/ and boards/NAME/. Packages are unpacked, not configured: nothing is
# emulated for that. It is done anew when this file or the packages have changed.
#
# MIRROR: where Debian comes from [what this machine's apt uses for any suite of Debian].
set -eu
suite=$1 arch=$2 folder=$3
shift 3
# What every image has. Debian's Python comes without pip and venv, as on the Pi.
base='base-files dash coreutils sed grep util-linux libc-bin libstdc++6 python3'
key=$(printf '%s\n' "$suite" "$arch" "$@" | cat - "$0" | sha256sum)
if [ "$(cat "$folder/key" 2>/dev/null)" = "$key" ]; then exit 0; fi

mirror() { # that of the suite, else that of another: the same host has them all
    for wanted in "Codename: $suite" 'Component: main'; do
        apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
            "$wanted" 'Component: main' 2>/dev/null
    done | grep -v -- -security | head -n 1
}

# Each runtime looks up the processor's model here. What an x86-64 says makes them crash.
board() { # NAME QEMU_CPU PART VARIANT REVISION FEATURES MODEL
    at=$folder/boards/$1
    mkdir -p "$at/cpu"
    echo "$2" >"$at/qemu_cpu"
    for cpu in 0 1 2 3; do
        printf '%s\t: %s\n' processor $cpu BogoMIPS 108.00 Features "$6" 'CPU implementer' 0x41 \
            'CPU architecture' 8 'CPU variant' "$4" 'CPU part' "$3" 'CPU revision' "$5"
        echo
        mkdir -p "$at/cpu/cpu$cpu/cpufreq" "$at/cpu/cpu$cpu/topology"
        echo 1500000 >"$at/cpu/cpu$cpu/cpufreq/cpuinfo_max_freq"
        echo 600000 >"$at/cpu/cpu$cpu/cpufreq/cpuinfo_min_freq"
        echo 0 >"$at/cpu/cpu$cpu/topology/physical_package_id"
        echo 0-3 >"$at/cpu/cpu$cpu/topology/core_siblings_list"
    done >"$at/cpuinfo"
    printf '%s\t: %s\n' Model "$7" >>"$at/cpuinfo"
    for list in possible present online; do echo 0-3 >"$at/cpu/$list"; done
    echo 3 >"$at/cpu/kernel_max"
}

boards() {
    simd='fp asimd evtstrm crc32 cpuid' newer='aes pmull sha1 sha2 atomics fphp asimdhp asimdrdm'
    board zero2 cortex-a53 0xd03 0x0 4 "$simd" 'Raspberry Pi Zero 2 W Rev 1.0'
    board pi4 cortex-a72 0xd08 0x0 3 "$simd" 'Raspberry Pi 4 Model B Rev 1.5'
    board pi5 cortex-a76 0xd0b 0x4 1 "$simd $newer lrcpc dcpop asimddp" 'Raspberry Pi 5 Model B Rev 1.0'
    board pi3-32bit cortex-a7 0xd03 0x0 4 \
        'half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm crc32' \
        'Raspberry Pi 3 Model B Rev 1.2'
}

from=${MIRROR:-$(mirror)}
if [ -z "$from" ]; then
    echo "apt here knows no Debian to take $suite from; set MIRROR to the address of one" >&2 && exit 1
fi
rm -rf "$folder"
mkdir -p "$folder/system"
echo "$suite" >"$folder/suite"
echo "$arch" >"$folder/arch"
boards
# By way of an archive, because only root can unpack files that belong to others.
mmdebstrap --quiet --arch="$arch" --variant=extract --components=main \
    --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include="$(echo $base "$@" | tr ' ' ,)" "$suite" "$folder/system.tar" "$from"
tar -x --no-same-owner --exclude='./dev/*' -C "$folder/system" -f "$folder/system.tar"
rm "$folder/system.tar"
cd "$folder/system"
echo 'root:x:0:0:root:/root:/bin/sh' >etc/passwd
mkdir -p usr/local/bin root
printf '#!/bin/sh\nexec "$@"\n' >usr/local/bin/sudo
chmod +x usr/local/bin/sudo
# Two links that belong to the packages' configuration.
for library in blas lapack; do
    for file in usr/lib/*/$library/lib$library.so.3; do
        if [ -e "$file" ]; then ln -sf "$library/lib$library.so.3" "${file%/*/*}"; fi
    done
done
echo "$key" >"$folder/key"
