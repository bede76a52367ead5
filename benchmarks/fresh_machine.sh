#!/bin/sh
# The README's commands as a user who has nothing: a new account, an empty home, a clone. Run as root.
#   sh benchmarks/fresh_machine.sh [TARGET ...]      make targets, `report` by default; each is timed
# With PYTHON=/path/to/python3.11 in the environment that interpreter is used; pip's own settings of the machine are kept.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || { echo "fresh_machine: run as root, to make a user" >&2; exit 2; }
user=kinechain_fresh
home=$(mktemp -d)
useradd --no-create-home --home-dir "$home" --shell /bin/sh "$user"
# the account and its home go away whatever happens
trap 'userdel "$user"; rm -rf "$home"' EXIT
git clone --quiet "$root" "$home/kinechain"
chown -R "$user" "$home"
chmod 755 "$home"
as_user() {
  setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups env -i HOME="$home" PATH="$PATH" LANG=C.UTF-8 \
    ${PIP_FIND_LINKS:+PIP_FIND_LINKS="$PIP_FIND_LINKS"} ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"} "$@"
}
for target in "${@:-report}"; do
  begun=$(date +%s)
  # shellcheck disable=SC2086 # PYTHON is one word or nothing
  as_user make -C "$home/kinechain" "$target" ${PYTHON:+PYTHON="$PYTHON"} || { echo "make $target failed" >&2; exit 1; }
  echo "make $target: $(($(date +%s) - begun)) s"
done
ls -l "$home/kinechain/reports"
