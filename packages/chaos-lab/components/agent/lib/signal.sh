# signal POD-UID CONTAINER-ID PROCESS SIGNAL: a signal to processes of a PostgreSQL container, sent from the node, which
# reaches process 1 too. What is stopped by it goes on when the fault is undone; other signals cannot be undone.
#
#   PROCESS  manager (process 1), postmaster, backend (one client's), backends (all of them), postgres (all there are), or
#            a process of the server by the name it shows: checkpointer, walwriter, walreceiver, walsender, archiver, startup

signal_apply() {
  [ $# -eq 5 ] || die 'usage: apply ID TTL RUN signal POD-UID CONTAINER-ID PROCESS SIGNAL'
  local id=$1 uid=$2 container=$3 process=$4 name=$5 pid hit=
  [[ $name =~ ^(KILL|STOP|CONT|TERM|INT|QUIT|HUP|ABRT|SEGV|USR1|USR2)$ ]] || die "signal: got '$name'"
  for pid in $(signal_find "$container" "$process"); do
    hit+=" $pid:$(signal_start "$pid")"
    [ "$name" != STOP ] || remember "$id" stopped "$pid:$(signal_start "$pid")"
    kill -s "$name" "$pid"
  done
  [ -n "$hit" ] || die "there is no $process in container ${container:0:12}"
  printf '%s %s %s%s\n' "$uid" "$process" "$name" "$hit" >"$state/signalled-$uid"
  if [ "$name" != STOP ]; then nothing_to_undo=1; fi
  echo "SIG$name to $process:${hit}"
}

# When a process began, in ticks: with its id it is the same process and no later one.
signal_start() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # the name of a program may hold anything, blanks and brackets too
  read -r -a stat <<<"${stat##*) }"
  echo "${stat[19]}"
}

signal_find() {
  local container=$1 wanted=$2 main pid title client='(\[local\]|[0-9a-f.:]+\([0-9]+\))'
  main=$(container_main "$container")
  for pid in $(container_processes "$container"); do
    title=$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) || continue
    case $wanted in
      manager) [ "$pid" = "$main" ] || continue ;;
      postmaster) [[ $title =~ ^([^ ]*/)?postgres\ -D ]] || continue ;;
      postgres) [[ $title =~ ^([^ ]*/)?postgres(:|\ -D) ]] || continue ;;
      backend | backends) [[ $title == postgres:* && $title != *walsender* && $title =~ $client ]] || continue ;;
      *) [[ $title =~ ^postgres:\ ([^:]+:\ )?$wanted ]] || continue ;;
    esac
    # the manager's own sessions come over the socket: a client's is what is meant by one
    if [ "$wanted" = backend ] && [[ $title == *'[local]'* ]]; then continue; fi
    echo "$pid"
    case $wanted in manager | postmaster | backend) return ;; esac
  done
}

signal_remove() {
  local known pid
  for known in $(recall "$1" stopped) $([ -e "$state/faults/$1" ] || echo "${1#stopped-}"); do
    pid=${known%:*}
    [[ $pid =~ ^[0-9]+$ ]] || continue
    [ "$known" = "$pid" ] || [ "$(signal_start "$pid")" = "${known#*:}" ] || continue
    kill -s CONT "$pid" 2>/dev/null || true
  done
}

# Processes of pods that stand still because somebody stopped them.
signal_list() {
  local file pid id known
  while IFS=/ read -r _ _ pid _; do
    grep -q kubepods "/proc/$pid/cgroup" 2>/dev/null || continue
    id=stopped-$pid
    for known in "$state"/faults/*; do
      [[ $'\n'$(recall "${known##*/}" stopped) != *$'\n'"$pid:"* ]] || id=${known##*/}
    done
    printf '%s\tstopped: process %s, %s\n' "$id" "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
  done < <(grep -lE '^State:\sT \(stopped' /proc/[0-9]*/status 2>/dev/null || true)
}

signal_features() { echo signal; }

# signalled POD-UID: what became of the processes of the last signal: gone, stopped or running
signalled() {
  local -a words
  [ -e "$state/signalled-$1" ] || die "no signal was sent to a process of pod $1"
  read -r -a words <"$state/signalled-$1"
  local known pid now
  for known in "${words[@]:3}"; do
    pid=${known%:*}
    now=running
    if [ "$(signal_start "$pid")" != "${known#*:}" ]; then
      now=gone
    elif grep -qE '^State:\s[TZ]' "/proc/$pid/status" 2>/dev/null; then
      now=stopped
      ! grep -qE '^State:\sZ' "/proc/$pid/status" || now=gone
    fi
    printf '%s %s %s %s\n' "${words[1]}" "${words[2]}" "$pid" "$now"
  done
}
