# hog POD-UID CONTAINER-ID cpu WORKERS | memory MIB: programs in the control groups of a container take its processors or
# its memory, within its limits. Memory 0: as much as leaves 16 MiB below the container's limit.

hog_apply() {
  [ $# -eq 5 ] || die 'usage: apply ID TTL RUN hog POD-UID CONTAINER-ID cpu WORKERS|memory MIB'
  local id=$1 container=$3 kind=$4 amount=$5 main left pids=()
  [[ $amount =~ ^[0-9]+$ ]] || die "$kind: got '$amount', expected a number"
  main=$(container_main "$container")
  left=$(($(recall "$id" until) - $(uptime_seconds)))
  case $kind in
    cpu) for ((i = 0; i < amount; i++)); do hog_start "$main" "$id" cpu "$left"; done ;;
    memory)
      [ "$amount" != 0 ] || amount=$(hog_room "$main")
      hog_start "$main" "$id" memory "$left" "$amount"
      ;;
    *) die "hog: got '$kind', expected cpu or memory" ;;
  esac
  echo "$kind $amount"
}

# hog_start MAIN ARGUMENTS...: a process enters the groups, then becomes the program
hog_start() {
  local main=$1 names path
  local -a files=()
  shift
  if [ "$(cgroup_version)" = 2 ]; then
    files=("$(cgroup_folder "$main" '')/cgroup.procs")
  else
    while IFS=: read -r _ names path; do
      files+=("$cgroups/${names#name=}$path/cgroup.procs")
    done < <(nsenter --cgroup=/proc/1/ns/cgroup -- grep -vE '^[0-9]+:(freezer)?:' "/proc/$main/cgroup")
  fi
  (
    for file in "${files[@]}"; do [ ! -e "$file" ] || echo $BASHPID >"$file"; done
    exec setsid hog "$@" >/dev/null 2>&1 </dev/null 9>&-
  ) &
}

# MiB that may be taken before the limit is near.
hog_room() {
  local folder limit used
  folder=$(cgroup_folder "$1" memory)
  if [ "$(cgroup_version)" = 1 ]; then
    limit=$(cat "$folder/memory.limit_in_bytes") used=$(cat "$folder/memory.usage_in_bytes")
    [ "$limit" -lt $((1 << 60)) ] || limit=max
  else
    limit=$(cat "$folder/memory.max") used=$(cat "$folder/memory.current")
  fi
  [ "$limit" != max ] || die 'the container has no memory limit: pressure would hit the node; say how much'
  used=$(((limit - used) / 1048576 - 16))
  [ "$used" -ge 1 ] || die 'the container is within 16 MiB of its limit already'
  echo "$used"
}

hog_processes() {
  local pid
  local -a words
  for pid in $(pgrep -x hog || true); do
    mapfile -d '' words <"/proc/$pid/cmdline" 2>/dev/null || continue
    [ -n "${words[1]:-}" ] || continue
    [ -n "$1" ] && [ "${words[1]}" != "$1" ] || echo "$pid ${words[1]} ${words[2]}"
  done
}

hog_remove() {
  local pid
  for _ in 1 2 3; do
    while read -r pid _; do kill -KILL "$pid" 2>/dev/null || true; done < <(hog_processes "$1")
    [ -n "$(hog_processes "$1")" ] || return 0
    sleep 0.2
  done
  die "a program of $1 is still there"
}

hog_list() {
  local pid id kind
  while read -r pid id kind; do
    printf '%s\tprocess %s takes %s\n' "$id" "$pid" "$kind"
  done < <(hog_processes '')
}

# hogs POD-UID: of each program in the pod: kind, clock ticks that it ran, KiB that it holds, and ticks a second
hogs() {
  local pid kind stat rss ticks
  ticks=$(getconf CLK_TCK)
  while read -r pid _ kind; do
    grep -qE "pod${1//-/[-_]}" "/proc/$pid/cgroup" 2>/dev/null || continue
    stat=$(cat "/proc/$pid/stat" 2>/dev/null) || continue
    read -r -a stat <<<"${stat##*) }"
    rss=$((stat[21] * 4))
    echo "$kind $((stat[11] + stat[12])) $rss $ticks"
  done < <(hog_processes '')
}

hog_features() { echo hog; }
