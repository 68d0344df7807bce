#!/bin/sh
#
# Collects in a guest what goldsmith wants to know of it into one file, for whoever is logged in and nobody else. Nothing else
# stays in the guest, and no state of its package manager changes. Needs /bin/sh, find, sort and tar: GNU's or busybox's.
#
# The file is several tar archives, one behind the other: zero blocks do not end it. First come files and links of the guest, by
# names with `./` in front. Then, in goldsmith-collected/, what follows; of what has records, each ends with a NUL byte.
#
#   root             `yes` or `no`: without root, much of the guest cannot be read
#   names            the files of the guest that are to be there, one a line
#   files.tsv        records of everything on disks: kind, mode (octal), uid, gid, size, path, with tabs between
#   pending-updates  package, installed version, available version, severity or nothing; one a line, with tabs between
#   tool             how that came about: `manager apt`, `lists fresh`, `exit 0`, `answered yes`, `why …`; one a line
#   left-out         records of what is missing: why, tab, path
#   complete         empty: the last of all, which proves that nothing was cut off

set -u
export LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
umask 077

made=@MADE@
patterns=@PATTERNS@

# A file of more than 64 MiB (in blocks of 512 bytes) is left out, if it is no database of packages.
most_blocks=131072
# Of the list of files.
most_bytes=268435456
# For one question to a package manager, in seconds.
patience=300

tab=$(printf '\t')
lf='
'

have() { command -v "$1" >/dev/null 2>&1; }

fail() {
    echo "goldsmith: nothing can be collected in the guest: $*" >&2
    exit 1
}

# --- As whoever is logged in ---------------------------------------------------------------------------------------

deliver() {
    for tool in find sort tar; do
        have "$tool" || fail "it has no \`$tool\`"
    done
    # A new file, and never one that somebody else has put there.
    set -C
    { true >"$made"; } 2>/dev/null || fail "there can be no new file \`$made\`"
    set +C
    if [ "$(id -u)" -eq 0 ]; then
        /bin/sh "$0" inside
    elif have sudo && sudo -n true; then
        sudo -n /bin/sh "$0" inside
    elif have doas && doas -n true; then
        doas -n /bin/sh "$0" inside
    else
        /bin/sh "$0" inside
    fi >"$made" 2>"$made.said" </dev/null && rm -f "$made.said" && return
    cat "$made.said" >&2
    rm -f "$made" "$made.said"
    fail "see above"
}

# --- As root, if that is possible ----------------------------------------------------------------------------------

# left_out WHY PATH
left_out() { printf '%s\t%s\0' "$1" "$2" >>"$out/left-out"; }

# left_out_all WHY: of the paths on standard input.
left_out_all() {
    while IFS= read -r path; do left_out "$1" "$path"; done
}

# Writes down which files match.
names() {
    # Lines, each expanded: what matches nothing is for find to complain about.
    IFS=$lf
    # shellcheck disable=SC2086
    set -- $patterns
    IFS=" $tab$lf"
    odd="*$lf*"

    find "$@" -xdev ! -path "$odd" \( -type l -o -type f \( -size "-$((most_blocks + 1))" \
        -o -path '*/rpm/*' -o -path '*/dpkg/*' -o -path '*/apk/*' -o -path '*/pacman/*' \) \) -print \
        >"$stage/names" 2>/dev/null
    # The list of arguments is too long, or find is none.
    [ $? -lt 126 ] || left_out 'there are too many' ./
    find "$@" -xdev ! -path "$odd" -type f -size "+$most_blocks" ! -path '*/rpm/*' ! -path '*/dpkg/*' \
        ! -path '*/apk/*' ! -path '*/pacman/*' -print 2>/dev/null | sort -u | left_out_all 'is larger than 64 MiB'
    find "$@" -xdev ! -path "$odd" ! -type f ! -type l ! -type d -print 2>/dev/null |
        sort -u | left_out_all 'is neither a file nor a link'
    find "$@" -xdev -path "$odd" -print 2>/dev/null | head -n 1 | left_out_all 'has a line feed in its name'

    sort -u "$stage/names" | if [ "$root" = yes ]; then cat; else
        while IFS= read -r path; do
            if [ -L "$path" ] || [ -r "$path" ]; then
                printf '%s\n' "$path"
            else
                left_out 'may not be read' "$path"
            fi
        done
    fi >"$out/names"
}

# Prints archives of these files.
archive() {
    code=0
    # shellcheck disable=SC2086 # one option, or none
    tar -c -f - $dereference "$@" 2>"$stage/said" || code=$?
    # What vanishes meanwhile, or changes, is no reason to give up.
    if [ "$code" -ne 0 ]; then
        left_out "tar ended with $code" "$1"
        head -n 100 "$stage/said" | left_out_all 'tar complains'
    fi
}

# Prints all that is in names. Not every busybox has a tar that reads them from a file.
guests_files() {
    dereference=''
    case $(tar --version 2>/dev/null) in *GNU*) dereference=--hard-dereference ;; esac
    set --
    while IFS= read -r path; do
        set -- "$@" "$path"
        if [ $# -ge 500 ]; then
            archive "$@"
            set --
        fi
    done <"$out/names"
    [ $# -eq 0 ] || archive "$@"
}

# Where file systems of disks are mounted.
disks() {
    echo /
    [ -r /proc/self/mounts ] || return
    while read -r _ point kind _; do
        [ "$point" != / ] || continue
        case $kind in
            ext[234] | xfs | btrfs | vfat | f2fs | jfs | reiserfs | bcachefs | zfs | erofs | squashfs)
                case $point in
                    *\\*) left_out 'is mounted at a place of an odd name' "$point" ;;
                    *) printf '%s\n' "$point" ;;
                esac
                ;;
        esac
    done </proc/self/mounts
}

# Prints a record for everything below a mount point.
listed() {
    if [ "$printf" ]; then
        find "$1" -xdev \( -path "$stage" -o -path "$made*" -o -path "$0" \) -prune \
            -o -printf '%y\t%m\t%U\t%G\t%s\t%p\0' 2>/dev/null
    else
        find "$1" -xdev \( -path "$stage" -o -path "$made*" -o -path "$0" \) -prune \
            -o ! -path "*$lf*" -exec stat -c "%F$tab%a$tab%u$tab%g$tab%s$tab%n" {} + 2>/dev/null | tr '\n' '\0'
        find "$1" -xdev -path "*$lf*" -print 2>/dev/null | head -n 1 | left_out_all 'has a line feed in its name'
    fi
}

files() {
    printf=''
    if find / -maxdepth 0 -printf '' >/dev/null 2>&1; then
        printf=yes
    elif ! have stat || ! find / -maxdepth 0 -exec stat -c %F {} + >/dev/null 2>&1; then
        left_out 'there is no find with -printf, and no stat' goldsmith-collected/files.tsv
        return
    fi
    disks >"$stage/disks"
    while IFS= read -r point; do listed "$point"; done <"$stage/disks" | head -c "$most_bytes" >"$out/files.tsv"
    [ "$(wc -c <"$out/files.tsv")" -lt "$most_bytes" ] || left_out 'has too many files' /
}

# --- Updates -------------------------------------------------------------------------------------------------------

# Runs a program that may want to wait for a network.
limited() {
    if have timeout; then timeout "$patience" "$@"; else "$@"; fi </dev/null
}

# answer EXIT-CODE GOOD-CODE...: says whether the manager has answered.
answer() {
    echo "exit $1"
    got=$1
    shift
    for good; do
        [ "$got" -ne "$good" ] || { echo 'answered yes'; return; }
    done
    echo 'answered no'
    echo "why $(tail -n 1 "$stage/said")"
}

with_pacman() {
    echo 'manager pacman'
    echo 'lists fresh'
    # Other users fetch for pacman.
    mkdir -m 755 "$stage/pacman"
    code=1
    if have checkupdates; then
        CHECKUPDATES_DB=$stage/pacman limited checkupdates >"$stage/updates" 2>"$stage/said"
        code=$?
    fi
    if [ "$code" -ne 0 ] && [ "$code" -ne 2 ]; then
        [ -e "$stage/pacman/local" ] || ln -s /var/lib/pacman/local "$stage/pacman/local"
        if limited pacman -Sy --dbpath "$stage/pacman" --logfile /dev/null >"$stage/said" 2>&1; then
            limited pacman -Qu --dbpath "$stage/pacman" >"$stage/updates" 2>"$stage/said"
            code=$?
            # Nothing to update is an error to it.
            [ "$code" -ne 1 ] || [ -s "$stage/said" ] || code=0
        else
            code=1
        fi
    fi
    answer "$code" 0 2
    awk '$3 == "->" { print $1 "\t" $2 "\t" $4 "\t" }' "$stage/updates" >"$out/pending-updates"
}

with_apt() {
    echo 'manager apt'
    mkdir -p "$stage/apt/lists/partial" "$stage/apt/cache/archives/partial"
    # What would be done after an update changes the image.
    cat >"$stage/apt.conf" <<END
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Cache "$stage/apt/cache";
Debug::NoLocking "1";
APT::Sandbox::User "root";
Acquire::Retries "0";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
END
    fresh="Dir::State::lists=$stage/apt/lists"
    if limited apt-get -q -c "$stage/apt.conf" -o "$fresh" update >"$stage/said" 2>&1 &&
        ! grep -q -e '^Err:' -e '^W: Failed' -e '^W: Some index' -e '^E:' "$stage/said"; then
        echo 'lists fresh'
        set -- -o "$fresh"
    else
        set -- /var/lib/apt/lists/*_Packages*
        if [ ! -e "$1" ]; then
            echo 'lists none'
            echo 'answered no'
            echo "why $(grep -e '^E:' -e '^W:' "$stage/said" | tail -n 1)"
            return
        fi
        # Those of the image, as old as they may be.
        echo 'lists image'
        set --
    fi
    limited apt-get -s -c "$stage/apt.conf" "$@" upgrade --with-new-pkgs >"$stage/updates" 2>"$stage/said"
    answer $? 0
    # Inst libc6 [2.36-9] (2.36-9+deb12u1 Debian:12.1/stable, Debian-Security:12/stable-security [amd64])
    awk '$1 == "Inst" {
        old = ""; at = 3
        if ($3 ~ /^\[/) { old = substr($3, 2, length($3) - 2); at = 4 }
        print $2 "\t" old "\t" substr($at, 2) "\t" ($0 ~ /-[Ss]ecurity/ ? "security" : "")
    }' "$stage/updates" >"$out/pending-updates"
}

# with_dnf PROGRAM
with_dnf() {
    echo "manager $1"
    echo 'lists fresh'
    mkdir "$stage/dnf"
    set -- "$1" -q -y --setopt="cachedir=$stage/dnf" --setopt="logdir=$stage/dnf"
    case $("$1" --version 2>/dev/null) in *dnf5*) set -- "$@" --setopt="system_cachedir=$stage/dnf" ;; esac
    limited "$@" check-update >"$stage/updates" 2>"$stage/said"
    answer $? 0 100
    # Long names stand on a line of their own.
    awk '/^Obsoleting/ { exit }
        NF == 1 { name = $1; next }
        NF == 2 && name != "" { print name, $1; name = ""; next }
        NF == 3 && $1 ~ /\./ { print $1, $2 }' "$stage/updates" |
        while read -r package available; do
            installed=$(rpm -q --qf '%{EPOCH}:%{VERSION}-%{RELEASE}\n' "$package" 2>/dev/null | tail -n 1)
            case $installed in *' '*) installed='' ;; esac
            printf '%s\t%s\t%s\t\n' "$package" "${installed#(none):}" "$available"
        done >"$out/pending-updates"
}

with_zypper() {
    echo 'manager zypper'
    echo 'lists fresh'
    limited zypper --non-interactive -q --cache-dir "$stage/zypp" lu >"$stage/updates" 2>"$stage/said"
    answer $? 0
    awk -F '|' 'NF >= 6 && $1 ~ /^ *v/ { gsub(/ /, ""); print $3 "\t" $4 "\t" $5 "\t" }' "$stage/updates" \
        >"$out/pending-updates"
}

with_apk() {
    echo 'manager apk'
    echo 'lists fresh'
    limited apk --no-cache version -l '<' >"$stage/updates" 2>"$stage/said"
    code=$?
    # It goes on without what it could not fetch.
    ! grep -q -e WARNING -e ERROR "$stage/said" "$stage/updates" || code=1
    answer "$code" 0
    awk '$2 == "<" && match($1, /-[0-9][^-]*-r[0-9]+$/) {
        print substr($1, 1, RSTART - 1) "\t" substr($1, RSTART + 1) "\t" $3 "\t"
    }' "$stage/updates" >"$out/pending-updates"
}

updates() {
    : >"$out/pending-updates"
    : >"$stage/updates"
    : >"$stage/said"
    if ! have awk; then
        echo 'answered no'
        echo 'why the guest has no awk'
    elif [ -d /var/lib/pacman/local ] && have pacman; then
        with_pacman
    elif [ -f /var/lib/dpkg/status ] && have apt-get; then
        with_apt
    elif have apk; then
        with_apk
    elif have zypper; then
        with_zypper
    elif have dnf; then
        with_dnf dnf
    elif have dnf5; then
        with_dnf dnf5
    elif have yum; then
        with_dnf yum
    else
        echo 'answered no'
        echo 'why the guest has no package manager that is known here'
    fi >"$out/tool"
}

# --- All of it -----------------------------------------------------------------------------------------------------

inside() {
    cd / || exit
    stage=$(mktemp -d "${TMPDIR:-/tmp}/goldsmith.XXXXXX") || fail 'there is no place for temporary files'
    trap 'rm -rf "$stage"' EXIT
    trap 'exit 1' HUP INT TERM
    # Programs that fetch as somebody else have to get through.
    chmod 711 "$stage"
    out=$stage/goldsmith-collected
    mkdir "$out"
    : >"$out/left-out"
    root=no
    [ "$(id -u)" -ne 0 ] || root=yes
    echo "$root" >"$out/root"

    names
    guests_files
    files
    updates
    : >"$out/complete"
    cd "$stage" || exit
    set --
    for part in root names files.tsv pending-updates tool left-out complete; do
        [ ! -f "$out/$part" ] || set -- "$@" "goldsmith-collected/$part"
    done
    tar -c -f - "$@"
}

case ${1-} in
    inside) inside ;;
    *) deliver ;;
esac
