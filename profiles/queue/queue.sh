#!/bin/sh
# The smallest queue: each job runs detached on this machine, and its end is written down beside it.
#   queue.sh submit MEM_MB MINUTES JOBSCRIPT   prints the id
#   queue.sh status ID                         prints running, success or failed
#   queue.sh cancel ID ...
set -eu
room=.snakemake/queue
case $1 in
submit)
  mkdir -p "$room"
  id=$(mktemp "$room/XXXXXXXX")
  limit=$(($3 * 60))
  # shellcheck disable=SC2016 # read by the inner shell
  nohup setsid sh -c 'timeout "$1" sh "$2" >"$3.log" 2>&1 & trap "kill $!" TERM; wait $!; echo $? >"$3.end"' \
    queue "$limit" "$4" "$id" >/dev/null 2>&1 </dev/null &
  echo $! >"$id"
  basename "$id"
  ;;
status)
  job=$room/$2
  if [ -s "$job.end" ]; then
    [ "$(cat "$job.end")" = 0 ] && echo success || echo failed
  elif kill -0 "$(cat "$job")" 2>/dev/null; then
    echo running
  else
    # the job may have ended between the two looks
    sleep 1
    [ "$(cat "$job.end" 2>/dev/null)" = 0 ] && echo success || echo failed
  fi
  ;;
cancel)
  shift
  for id in "$@"; do
    kill "$(cat "$room/$id")" 2>/dev/null || true
  done
  ;;
*)
  echo "queue.sh: submit, status or cancel" >&2
  exit 2
  ;;
esac
