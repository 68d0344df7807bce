#!/usr/bin/env bash
#
# Makes base/ next to this script: a Debian 12 cloud-init disk, and what QEMU
# needs to boot it directly.
#
#   base/debian-12.qcow2   GPT disk: an EFI system partition and an ext4 root
#   base/vmlinuz           the kernel of that disk
#   base/initrd.img        its initial RAM file system
#   base/cmdline           the kernel command line that finds the root
#   base/accelerator       "kvm" or "tcg": what QEMU can really use on this host
#
# Runs as root, or as any user with subordinate ids (/etc/subuid). There are no
# loop devices, and all mounts are in a mount namespace of their own.
# Environment: see README.md.

set -euo pipefail
export LC_ALL=C
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

readonly suite=bookworm
readonly mirror=${DEMO_MIRROR:-http://deb.debian.org/debian}
readonly security=http://deb.debian.org/debian-security
readonly extra_source=${DEMO_EXTRA_SOURCE:-}
readonly extra_packages=${DEMO_EXTRA_PACKAGES:-}

readonly packages=(
    linux-image-cloud-amd64 initramfs-tools zstd systemd-boot
    systemd-sysv usr-is-merged udev dbus libpam-systemd
    systemd-resolved systemd-timesyncd iproute2 iputils-ping netbase
    cloud-init cloud-guest-utils fdisk e2fsprogs dosfstools
    qemu-guest-agent openssh-server sudo ca-certificates
)

# The partition table, in 512-byte sectors. The layout is that of Debian's own
# cloud images: the root is entry 1 and stands last, so that growpart can
# extend it; the EFI system partition is entry 15.
readonly disk_sectors=$((3 << 21))
readonly esp_start=2048
readonly esp_sectors=$((128 << 11))
readonly root_start=$((esp_start + esp_sectors))
readonly root_sectors=$((disk_sectors - root_start - 2048))

say() { printf 'prepare: %3ds %s\n' "$SECONDS" "$*"; }
die() {
    printf 'prepare: %s\n' "$*" >&2
    exit 1
}

need() {
    local missing='' tool package
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=' debian-archive-keyring'
    while read -r tool package; do
        command -v "$tool" >/dev/null || missing+=" $package"
    done
    [ -z "$missing" ] || die "missing tools, install the Debian packages:$missing"
}

# ---------------------------------------------------------------------------
# Inside. Of the staging folder, $1, the part $1/base is the result; the caller
# removes everything else. $3 says whether this runs in a namespace of its own.

build() {
    local stage=$1 cache=$2 private=$3
    local work=$stage/work root=$stage/work/root disk=$stage/work/disk.raw
    local out=$stage/base
    mkdir "$work" "$out"

    # dpkg makes many small files: in memory it takes two thirds of the time.
    # The mount belongs to this namespace, and vanishes with its last process.
    local available
    available=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
    if [ "$private" = yes ] && [ "$available" -gt 4000 ]; then
        mount -t tmpfs -o size=3g,mode=755 tmpfs "$work"
    fi
    mkdir "$work/tmp"

    say "installing packages"
    install_packages
    say "configuring"
    configure
    keep_packages
    say "writing the disk"
    write_disk
}

install_packages() {
    local sources=(
        "deb $mirror $suite main"
        "deb $mirror $suite-updates main"
        "deb $security $suite-security main"
    )
    [ -z "$extra_source" ] || sources+=("$extra_source")

    local include="${packages[*]} $extra_packages"
    include=$(tr -s ', \n' ',' <<<"$include")

    export cache
    # INITRD=No: the kernel's postinst would make the initramfs too early, and
    # the triggers once more. configure() makes the only one.
    # The empty host keys: sshd's postinst makes only those that are missing,
    # and the disk must not have any.
    # The idle py3compile: configure() compiles everything in one go.
    # shellcheck disable=SC2016 # $1 and $cache are the hook's own
    INITRD=No TMPDIR=$work/tmp mmdebstrap \
        --mode=root --format=directory --variant=minbase \
        --include="${include%,}" \
        --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
        --dpkgopt=force-unsafe-io \
        --aptopt='DPkg::Path "/run/idle:/usr/sbin:/usr/bin:/sbin:/bin"' \
        --skip=download/empty,essential/unlink,cleanup/apt \
        --setup-hook='mkdir -p "$1/var/cache/apt/archives" "$1/etc/ssh" "$1/run/idle"
            find "$cache" -maxdepth 1 -name "*.deb" \
                -exec cp -t "$1/var/cache/apt/archives" {} +
            for type in rsa ecdsa ed25519; do
                : >"$1/etc/ssh/ssh_host_${type}_key"
            done
            printf "#!/bin/sh\n" >"$1/run/idle/py3compile"
            chmod 755 "$1/run/idle/py3compile"' \
        "$suite" "$root" "${sources[@]}" >"$work/log" 2>&1 || {
        tail -n 20 "$work/log" >&2
        die "mmdebstrap failed"
    }
}

kernel_version() {
    find "$root/lib/modules" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -V | tail -n 1
}

index_files() {
    # shellcheck disable=SC2016 # apt's own notation
    chroot "$root" apt-get indextargets --format '$(FILENAME)' 'Created-By: Packages' | sort
}

configure() {
    local version
    version=$(kernel_version)
    root_id=$(cat /proc/sys/kernel/random/uuid)
    esp_id=$(cat /proc/sys/kernel/random/uuid)
    cmdline="root=PARTUUID=$root_id ro console=tty0 console=ttyS0,115200"

    # The controllers of the cloud kernel that a disk may be on (NVMe is built
    # in), and a CD drive: cloud-init looks for its seed before udev has loaded
    # anything from the disk.
    printf '%s\n' virtio_pci virtio_blk virtio_scsi sd_mod hv_storvsc xen_blkfront ata_piix sr_mod \
        >"$root/usr/share/initramfs-tools/modules.d/virtual-machine"
    printf 'MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=3\n' \
        >"$root/etc/initramfs-tools/conf.d/virtual-machine"
    cat >"$root/etc/fstab" <<EOF
PARTUUID=$root_id / ext4 errors=remount-ro 0 1
PARTUUID=$esp_id /boot/efi vfat umask=0077,noauto,x-systemd.automount,x-systemd.idle-timeout=1min 0 0
EOF
    mkdir "$root/boot/efi"
    chroot "$root" update-initramfs -c -k "$version" >>"$work/log" 2>&1 &
    local initramfs=$!
    chroot "$root" python3 -m compileall -q /usr/lib/python3/dist-packages >>"$work/log" 2>&1 &
    local compileall=$!

    # What kernel-install reads when a newer kernel is installed.
    echo "$cmdline" >"$root/etc/kernel/cmdline"
    echo debian >"$root/etc/kernel/entry-token"

    echo debian >"$root/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 debian\n::1 localhost ip6-localhost ip6-loopback\n' \
        >"$root/etc/hosts"
    ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
    printf '[Match]\nName=en* eth*\n\n[Network]\nDHCP=yes\n' \
        >"$root/etc/systemd/network/80-dhcp.network"
    # cloud-init would write the sources again, and ask for a locale that is
    # not there.
    printf 'apt:\n  preserve_sources_list: true\nlocale: C.UTF-8\n' \
        >"$root/etc/cloud/cloud.cfg.d/10_image.cfg"
    echo LANG=C.UTF-8 >"$root/etc/default/locale"
    chroot "$root" systemctl --quiet enable systemd-networkd systemd-resolved

    : >"$root/etc/machine-id"
    ln -sf /etc/machine-id "$root/var/lib/dbus/machine-id"
    rm -f "$root"/etc/ssh/ssh_host_*

    # The extra source may not stay. Debian's own indexes do stay: the build
    # reads no others while these are fresh.
    [ -z "$extra_source" ] || index_files >"$work/indexes.all"
    rm "$root/etc/apt/sources.list" "$root"/etc/{apt/apt.conf.d,dpkg/dpkg.cfg.d}/99mmdebstrap
    cat >"$root/etc/apt/sources.list.d/debian.sources" <<EOF
Types: deb
URIs: $mirror
Suites: $suite $suite-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: $security
Suites: $suite-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
EOF
    echo 'Acquire::Languages "none";' >"$root/etc/apt/apt.conf.d/10-no-translations"
    : >"$work/extra"
    if [ -n "$extra_source" ]; then
        local index
        index_files >"$work/indexes.kept"
        comm -23 "$work/indexes.all" "$work/indexes.kept" | while read -r index; do
            cat "$root$index" >>"$work/extra"
            rm -f "$root${index%_Packages}"_*
        done
    fi
    chroot "$root" apt-cache gencaches >>"$work/log" 2>&1

    wait "$compileall" || die "compileall failed"
    wait "$initramfs" || die "update-initramfs failed"
    find "$root/dev" -type f -delete # written where there is no device
}

# Copies the packages of this disk to the cache, except those of the extra
# source: there the same name and version may well mean another file next time.
keep_packages() {
    local archives=$root/var/cache/apt/archives name
    awk '/^Package:/ { p = $2 } /^Version:/ { v = $2 } /^Architecture:/ { a = $2 }
         /^$/ { print p "_" v "_" a }' "$work/extra" | sort >"$work/extra.names"
    # shellcheck disable=SC2016 # dpkg's own notation
    chroot "$root" dpkg-query -W -f '${Package}_${Version}_${Architecture}\n' |
        sort | comm -23 - "$work/extra.names" | while read -r name; do
        name=${name//:/%3a}.deb
        if [ -e "$cache/$name" ]; then
            touch "$cache/$name"
        elif [ -e "$archives/$name" ]; then
            cp "$archives/$name" "$cache/.$name.$$"
            mv "$cache/.$name.$$" "$cache/$name"
        fi
    done
    # What no disk has needed for a month has been superseded.
    find "$cache" -maxdepth 1 -type f -mtime +30 -delete
    rm -rf "$archives"/*.deb "$archives"/partial/*
}

write_disk() {
    local version esp=$disk@@$((esp_start * 512)) boot=$work/boot
    version=$(kernel_version)

    # As kernel-install lays it out, so that it can add and remove versions.
    mkdir -p "$boot/EFI/BOOT" "$boot/EFI/systemd" "$boot/loader/entries" "$boot/debian/$version"
    cp "$root/usr/lib/systemd/boot/efi/systemd-bootx64.efi" "$boot/EFI/BOOT/BOOTX64.EFI"
    cp "$root/usr/lib/systemd/boot/efi/systemd-bootx64.efi" "$boot/EFI/systemd/"
    cp "$root/boot/vmlinuz-$version" "$boot/debian/$version/linux"
    cp "$root/boot/initrd.img-$version" "$boot/debian/$version/"
    echo type1 >"$boot/loader/entries.srel"
    echo 'timeout 0' >"$boot/loader/loader.conf"
    cat >"$boot/loader/entries/debian-$version.conf" <<EOF
title      Debian GNU/Linux 12 (bookworm)
version    $version
sort-key   debian
options    $cmdline
linux      /debian/$version/linux
initrd     /debian/$version/initrd.img-$version
EOF

    truncate -s $((disk_sectors * 512)) "$disk"
    sfdisk --quiet --no-reread --no-tell-kernel "$disk" <<EOF
label: gpt
unit: sectors
p1 : start=$root_start, size=$root_sectors, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=$root_id
p15 : start=$esp_start, size=$esp_sectors, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=$esp_id, name=esp
EOF
    mformat -i "$esp" -F -c 2 -T "$esp_sectors" -v ESP ::
    mcopy -i "$esp" -s "$boot"/* ::/
    mkfs.ext4 -q -b 4096 -E "offset=$((root_start * 512)),assume_storage_prezeroed=1" \
        -d "$root" "$disk" $((root_sectors / 2))k

    cp "$root/boot/vmlinuz-$version" "$out/vmlinuz"
    cp "$root/boot/initrd.img-$version" "$out/initrd.img"
    echo "$cmdline" >"$out/cmdline"
    qemu-img convert -O qcow2 "$disk" "$out/debian-12.qcow2"
}

# ---------------------------------------------------------------------------
# Outside: staging, the namespace, and putting the result in place.

# "kvm" if a boot sector really runs under it: that /dev/kvm can be opened says
# nothing on hosts whose nested virtualisation is emulated. The sector leaves
# through QEMU's debug-exit device, which turns 0x10 into exit status 33.
#   mov al,0x10; out 0xf4,al; cli; hlt
accelerator() {
    local sector=$1/sector status=0
    { printf '\260\020\346\364\372\364' && head -c 504 /dev/zero && printf '\125\252'; } >"$sector"
    timeout --kill-after=1 1 qemu-system-x86_64 -accel kvm -m 16 -nodefaults -display none \
        -device isa-debug-exit,iobase=0xf4,iosize=1 \
        -drive "file=$sector,format=raw,if=ide" >/dev/null 2>&1 || status=$?
    if [ "$status" -eq 33 ]; then echo kvm; else echo tcg; fi
}

kill_tree() {
    local children=() child
    read -r -a children 2>/dev/null <"/proc/$1/task/$1/children" || true
    for child in "${children[@]}"; do
        kill_tree "$child"
    done
    kill -KILL "$1" 2>/dev/null || true
}

main() {
    [ "$(uname -m)" = x86_64 ] || die "the disk is for x86_64, and so must be the host"
    # Not local: the trap needs them.
    here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/goldsmith/demo-debs
    mkdir -p "$cache"

    need <<'EOF'
mmdebstrap mmdebstrap
mkfs.ext4 e2fsprogs
mformat mtools
sfdisk fdisk
qemu-img qemu-utils
qemu-system-x86_64 qemu-system-x86
unshare util-linux
EOF

    # A namespace of its own: as a user, to be root in it; as root, so that
    # mounts stay private. With it everything can be ended, and all that it
    # holds in memory freed, by killing one process.
    enter=(unshare --mount --pid --fork --kill-child --mount-proc)
    local private=yes
    if [ "$(id -u)" -ne 0 ]; then
        enter=(unshare --map-auto --map-root-user "${enter[@]:1}")
        "${enter[@]}" true || die "no user namespace: subordinate ids (package uidmap, /etc/subuid) are needed, or root"
    elif ! "${enter[@]}" true 2>/dev/null; then
        enter=() private=no
    fi

    # One at a time in this folder; and so what lies about is a dead run's.
    exec 9<"$here"
    flock --nonblock 9 || {
        say "waiting for another run"
        flock 9
    }
    stage=$here/.base.new
    child=
    remove() { "${enter[@]}" rm -rf "$stage" "$here/.base.old"; }
    finish() {
        [ -z "$child" ] || kill_tree "$child"
        wait 2>/dev/null || true
        remove
    }
    remove
    trap finish EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM

    mkdir "$stage"
    "${enter[@]}" bash "${BASH_SOURCE[0]}" --inside "$stage" "$cache" "$private" &
    child=$!
    accelerator "$stage" >"$stage/accelerator"
    wait "$child"
    child=
    mv "$stage/accelerator" "$stage/base/"

    # Two renames: there is never a base of mixed parts.
    [ ! -e "$here/base" ] || mv "$here/base" "$here/.base.old"
    mv "$stage/base" "$here/base"
    say "base/debian-12.qcow2: $(du -h "$here/base/debian-12.qcow2" | cut -f1), accelerator $(cat "$here/base/accelerator")"
}

if [ "${1:-}" = --inside ]; then
    build "$2" "$3" "$4"
else
    main
fi
