#!/bin/sh
# Tells goldsmith how this machine has come up. Runs in the guest, beside cloud-init.
mkdir -p /run/goldsmith
cat >/run/goldsmith/report.sh <<'SCRIPT'
out=/run/goldsmith/report
builder='@BUILDER@'
: >"$out"
# Each fact is a line of its own, in base64: whatever it holds, it cannot look like another one.
tell() { printf '@MARKER@:%s:%s:\n' "$1" "$(head -c 16384 | base64 | tr -d '\n')" >>"$out"; }
have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/usr/bin/$1" ]; }

timeout 600 cloud-init status --wait >/dev/null 2>&1
echo $? | tell cloud-init-status
cat /run/cloud-init/result.json 2>/dev/null | tell cloud-init-result
if have systemctl; then
    timeout 300 systemctl is-system-running --wait 2>/dev/null | tell system
    systemctl list-units --failed --plain --no-legend 2>/dev/null | cut -d' ' -f1 | tell failed-units
fi
cat /etc/machine-id 2>/dev/null | tell machine-id
if have sshd; then
    for key in /etc/ssh/ssh_host_*_key.pub; do
        [ -e "$key" ] && cut -d' ' -f1,2 "$key"
    done | tell host-keys
    PATH=$PATH:/usr/sbin sshd -T 2>/dev/null |
        grep -E '^(passwordauthentication|kbdinteractiveauthentication|permitrootlogin) ' | tell sshd
fi
have qemu-ga && echo yes | tell guest-agent
if [ -n "$builder" ]; then
    account=$(getent passwd "$builder" || grep "^$builder:" /etc/passwd)
    if [ -z "$account" ]; then
        echo absent
    else
        case $(grep "^$builder:" /etc/shadow | cut -d: -f2) in
            '') echo empty ;;
            '!'* | '*'*) echo locked ;;
            *) echo password ;;
        esac
        echo "$account" | cut -d: -f7
        [ -s "$(echo "$account" | cut -d: -f6)/.ssh/authorized_keys" ] && echo keys
    fi | tell builder
fi
echo yes | tell end
# The second serial port is nobody else's; a kernel that does not know it refuses to write.
cat "$out" >/dev/ttyS1 2>/dev/null || cat "$out" >/dev/ttyS0
SCRIPT
# cloud-init waits for this script, and that one for cloud-init.
if command -v systemd-run >/dev/null 2>&1; then
    systemd-run --quiet --no-block --collect --unit=goldsmith-report /bin/sh /run/goldsmith/report.sh
else
    setsid /bin/sh /run/goldsmith/report.sh >/dev/null 2>&1 </dev/null &
fi
