#!/bin/sh
# Run a command in an emulated Debian, as root of a namespace that ends with it.
#
#   enter.sh USERLAND BOARD WORK COMMAND...     USERLAND: of userland.sh; WORK: a folder, /mnt inside
#   enter.sh --possible ARCH                    can this machine do it? If not, says why
#
# Nothing is changed outside: the mounts, and the kernel's table of interpreters, are the
# namespace's own. Needs no root where users may have namespaces.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

qemu_of() {
    case $1 in arm64) echo aarch64 ;; armhf) echo arm ;; *) echo "arch $1?" >&2 && exit 1 ;; esac
}

inside() { # COMMAND...: in new namespaces, as their root
    exec unshare --user --map-root-user --mount "$@"
}

register() { # QEMU: let the kernel run programs of this processor
    if mount -t binfmt_misc none /proc/sys/fs/binfmt_misc 2>/dev/null; then
        cat "/usr/lib/binfmt.d/qemu-$1.conf" >/proc/sys/fs/binfmt_misc/register
    elif ! [ -e "/proc/sys/fs/binfmt_misc/qemu-$1" ]; then
        echo "needs Linux 6.7, or qemu-$1 registered with the kernel (systemd-binfmt does that)" >&2
        return 1
    fi
}

share() { # HOST GUEST: a file or folder of this machine, seen inside
    if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "${2%/*}" && [ -e "$2" ] || : >"$2"; fi
    mount --rbind "$1" "$2"
}

enter() { # USERLAND BOARD WORK COMMAND...: already inside the namespaces
    root=$1/system board=$1/boards/$2 work=$3
    register "$(qemu_of "$(cat "$1/arch")")"
    shift 3
    share /proc "$root/proc"
    share /sys "$root/sys"
    mount --bind "$board/cpuinfo" "$root/proc/cpuinfo"
    mount --bind "$board/cpu" "$root/sys/devices/system/cpu"
    mount -t tmpfs none "$root/dev"
    for device in null zero full random urandom; do share "/dev/$device" "$root/dev/$device"; done
    mkdir "$root/dev/shm"
    for file in /etc/resolv.conf /etc/hosts; do share "$file" "$root$file"; done
    share "${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}" "$root/etc/ssl/certs/ca-certificates.crt"
    share "$work" "$root/mnt"
    # qemu 7.2 computes wrong int8 results on its default processor.
    exec env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root LANG=C.UTF-8 TERM=dumb \
        QEMU_CPU="$(cat "$board/qemu_cpu")" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
        PIP_NO_COMPILE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
        PIP_ROOT_USER_ACTION=ignore PIP_NO_CACHE_DIR=1 PIP_FIND_LINKS=/mnt/piwheels \
        ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"} \
        ${PIP_EXTRA_INDEX_URL:+PIP_EXTRA_INDEX_URL="$PIP_EXTRA_INDEX_URL"} \
        ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
        /usr/sbin/chroot "$root" /bin/sh -c 'cd && exec "$@"' sh "$@"
}

case $1 in
    --possible)
        if [ -z "${PI_INSIDE:-}" ]; then PI_INSIDE=1 inside "$here/enter.sh" "$@"; fi
        register "$(qemu_of "$2")"
        ;;
    *)
        if [ -z "${PI_INSIDE:-}" ]; then PI_INSIDE=1 inside "$here/enter.sh" "$@"; fi
        enter "$@"
        ;;
esac
