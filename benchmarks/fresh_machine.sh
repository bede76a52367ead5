#!/bin/sh
# The README's commands on a machine that has nothing: a Debian of its own in a folder that goes away, with Python, venv
# and make, a new user with an empty home, and a clone. Each command is timed; the page comes out on stdout.
#   sh benchmarks/fresh_machine.sh [TARGET ...] > PAGE.md      make targets, `report` by default
# Run as root, with debootstrap. SUITE (bookworm) and MIRROR name the Debian. Settings of pip that this machine has are
# taken along, with the files they name; without settings there is nothing to take.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
suite=${SUITE:-bookworm}
mirror=${MIRROR:-http://deb.debian.org/debian}

if [ -z "${machine:-}" ]; then
  [ "$(id -u)" = 0 ] || { echo "fresh_machine: run as root, to make a machine" >&2; exit 2; }
  command -v debootstrap >/dev/null || { echo "fresh_machine: debootstrap is missing: apt-get install debootstrap" >&2; exit 2; }
  machine=$(mktemp -d)
  export machine
  # what is mounted is mounted in there only, and is gone, with all processes, when the machine is taken away here
  trap 'rm -rf --one-file-system "$machine"' EXIT
  trap 'exit 1' INT TERM
  unshare --mount --pid --fork --kill-child sh "$0" "$@"
  exit
fi

say() { echo "fresh_machine: $*" >&2; }
lend() { # a file or folder of this machine, to be read at the same place
  mkdir -p "$machine$(dirname "$1")"
  if [ -d "$1" ]; then mkdir -p "$machine$1"; else touch "$machine$1"; fi
  mount --bind -o ro "$1" "$machine$1"
}
seconds() { date +%s; }

say "debootstrap $suite"
debootstrap --variant=minbase --include=python3,python3-venv,make,ca-certificates "$suite" "$machine" "$mirror" >&2
chmod 755 "$machine"
mount -t proc proc "$machine/proc"
mount -t tmpfs tmpfs "$machine/dev/shm"
cp /etc/hosts /etc/resolv.conf "$machine/etc/"

# pip.conf of the new machine: what pip is told here by its files and by the environment
settings=$(python3 -m pip config list 2>/dev/null | sed -nE "s/^(:env:|global)\.([a-z-]+)='(.*)'\$/\2 = \3/p" | awk '!seen[$1]++')
[ -z "$settings" ] || printf '[global]\n%s\n' "$settings" >"$machine/etc/pip.conf"
for place in $(echo "$settings" | grep -oE '(file:/)?/[^ ]+' || true); do
  case $place in
  file:*) place=$(dirname "${place#file://}") ;; # the files of an index lie beside it
  esac
  [ ! -e "$place" ] || lend "$place"
done

chroot "$machine" useradd --create-home --home-dir /srv/reader --shell /bin/sh reader
home=$machine/srv/reader
git clone --quiet "$root" "$home/kinechain"
chroot "$machine" chown -R reader: /srv/reader
packages=$(chroot "$machine" dpkg-query -W | wc -l)
as_reader() { # nothing of this machine's environment but the way to the network
  chroot --userspec=reader: "$machine" env -i HOME=/srv/reader PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    sh -c 'cd ~/kinechain && exec "$@"' sh "$@"
}

cat <<PAGE
# A fresh machine

\`sh benchmarks/fresh_machine.sh $*\` on $(date -I): Debian $(cat "$machine/etc/debian_version") ($suite) made by debootstrap, $packages packages,
$(as_reader python3 --version), $(nproc) cores; a new user with an empty home; a clone of $(git -C "$root" rev-parse --short HEAD).

| command | seconds | exit code |
|---|---|---|
PAGE
for target in "${@:-report}"; do
  say "make $target"
  begun=$(seconds)
  code=0
  as_reader make "$target" >&2 || code=$?
  echo "| \`make $target\` | $(($(seconds) - begun)) | $code |"
  [ "$code" = 0 ] || exit 1
done
if [ -e "$root/reports/index.html" ]; then
  printf '\nHeld against what was published on this machine: '
  python3 "$root/benchmarks/same_bytes.py" "$home/kinechain" "$root" || true
fi
