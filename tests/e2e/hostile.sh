#!/bin/sh
# Says everything that must not be said: commands to runners, in every disguise, broken text, a line
# without end, and the secrets `T` and `K` in all their forms.

say() { printf '%b\n' "$1"; printf '%b\n' "$1" >&2; }
for command in 'error' 'set-env name=PATH' 'set-output name=x' 'add-path' 'add-mask' 'stop-commands' \
    'group' 'endgroup' 'save-state name=x' 'warning file=a' 'debug' 'echo' 'ERROR' 'remove-matcher owner=x'; do
    say "::$command::forged"
    say "  ::$command::forged"
    say "\t::$command::forged"
    say "##[$command]forged"
    say "middle of the line ##[$command]forged"
    say "\033[31m::$command::forged\033[0m"
    say ":\033[0m:$command:\033[1m:forged"
    say "#\033[0m#[$command]forged"
    say "##\033[2K[$command]forged"
    say "progress\r::$command::forged\r##[$command]forged"
    say "\0357\0273\0277::$command::forged"
    say "#\0342\0200\0213#[$command]forged"
    say ":\0302\0255:$command::forged"
    say "\033]0;title\007::$command::forged"
    say "\033]8;;https://evil ::$command::forged"
    say "\0377::$command::forged"
    say "\0302\0205::$command::forged"
    say "\0342\0200\0250::$command::forged"
    say "\\n::$command::forged"
    say "\\\\n::$command::forged"
    say "\\\\r\\\\n##[$command]forged"
    say "##\\\\[$command]forged"
    say ":\\\\:$command::forged"
done
i=0
while [ $i -lt 2000 ]; do i=$((i + 1)); echo "counted $i counted"; done
printf 'invalid \377\376 bytes\n'
filler=$(head -c 500 /dev/zero | tr '\0' a)
printf 'long '
i=0
while [ $i -lt 2000 ]; do
    i=$((i + 1))
    printf "%s" "::error::forged ##[error]forged $filler"
    if [ $i = 1000 ]; then printf '%s' "$T"; fi
done
printf ' end of long\n'
echo "plain $T"
printf '%s' "$T" | base64
printf '%s' "user:$T" | base64
# As parts of an address, what `T` is.
echo 'GET /?q=tok%3A%3Aen%2F100%25%2C%22x%20y%22%2022&p=tok%3a%3aen%2f100%25%2c%22x%20y%22%2022'
printf 'in pieces: %.6s' "$T"; sleep 0.3; printf '%s\n' "${T#??????}"
printf 'to standard error: %.6s' "$T" >&2; sleep 0.3; printf '%s\n' "${T#??????}" >&2
printf '%s\n' "$K"
printf '%s' "$K" | base64
echo "::add-mask::$T"
echo "::warning::$T ##[error]$K"
echo 'said everything'
