#!/bin/bash
# Newer Pythons than this machine has, from a newer Debian suite in a folder of its own.
#
#   tools/newer_python.sh make        create the folder (needs root, debootstrap, the network)
#   tools/newer_python.sh versions    print the Pythons in it, one a line (nothing where there is none)
#   tools/newer_python.sh run CMD...  run a command in it; this checkout is mounted at its own path
#   tools/newer_python.sh remove      delete the folder
#
# WHET_SUITE is the Debian suite (testing), WHET_CHROOT the folder (/var/cache/whet/SUITE).
# Mounts live in a mount namespace of the command, so nothing stays behind when it ends.
set -euo pipefail

suite=${WHET_SUITE:-testing}
root=${WHET_CHROOT:-/var/cache/whet/$suite}
mirror=${WHET_MIRROR:-http://deb.debian.org/debian}
here=$(cd "$(dirname "$0")/.." && pwd)
certificates=/etc/ssl/certs/ca-certificates.crt
stamp=$root/.whet-ready
wanted="3.13 3.14 3.15"

fail() {
    echo "newer_python: $1" >&2
    exit 2
}

# Python packages of the suite that exist: a suite drops old versions and gains new ones.
packages() {
    local version package
    for version in $wanted; do
        for package in "python$version" "python$version-dev" "python$version-venv"; do
            if chroot "$root" apt-cache show "$package" >/dev/null 2>&1; then
                echo "$package"
            fi
        done
    done
}

make_folder() {
    [ -e "$stamp" ] && return 0
    [ "$(id -u)" = 0 ] || fail "only root can make a chroot folder"
    command -v debootstrap >/dev/null || fail "debootstrap is missing (apt-get install debootstrap)"
    mkdir -p "$(dirname "$root")"
    if [ ! -e "$root/usr/bin/apt-get" ]; then
        rm -rf --one-file-system "$root"
        nice debootstrap --variant=minbase "$suite" "$root" "$mirror"
    fi
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
    # A mirror's snapshot may be older than its Release file's promise; signatures are checked all the same.
    echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/90whet"
    chroot "$root" apt-get update -q
    # shellcheck disable=SC2046
    chroot "$root" nice apt-get install -q -y --no-install-recommends \
        g++ make git ca-certificates gdb $(packages)
    chroot "$root" apt-get clean
    if [ -e "$certificates" ]; then
        cp -L "$certificates" "$root$certificates"
    fi
    touch "$stamp"
}

versions() {
    local version
    for version in $wanted; do
        if [ -e "$stamp" ] && [ -x "$root/usr/bin/python$version" ]; then
            echo "$version"
        fi
    done
}

run_inside() {
    [ -e "$stamp" ] || fail "no folder $root yet: tools/newer_python.sh make"
    [ "$(id -u)" = 0 ] || fail "only root can run a command in a chroot folder"
    mkdir -p "$root$here"
    # A worktree's .git is a file that names the main checkout, which git needs too.
    local shared
    shared=$(cd "$here" && git rev-parse --path-format=absolute --git-common-dir 2>/dev/null || echo "$here")
    case $shared in "$here"*) shared=$here ;; esac
    mkdir -p "$root$shared"
    # shellcheck disable=SC2016
    exec unshare --mount --propagation private bash -c '
        root=$1 here=$2 shared=$3; shift 3
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount --rbind /sys "$root/sys"
        mount --bind "$here" "$root$here"
        [ "$shared" = "$here" ] || mount --bind "$shared" "$root$shared"
        exec chroot "$root" /usr/bin/env -i HOME=/root TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 CI="${CI:-}" \
            PIP_CERT='"$certificates"' SSL_CERT_FILE='"$certificates"' \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            bash -c '\''cd "$1" && shift && exec "$@"'\'' bash "$here" "$@"
    ' bash "$root" "$here" "$shared" "$@"
}

case ${1:-} in
    make) make_folder ;;
    versions) versions ;;
    run) shift; run_inside "$@" ;;
    remove) rm -rf --one-file-system "$root" ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
