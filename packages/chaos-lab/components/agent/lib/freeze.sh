# freeze POD-UID CONTAINER-ID: the processes of a container stand still. Its kernel goes on: connections are accepted, and
# nobody answers. A container that is killed is thawed by that, and the fault is over.

freeze_apply() {
  [ $# -eq 3 ] || die 'usage: apply ID TTL RUN freeze POD-UID CONTAINER-ID'
  local folder
  folder=$(cgroup_folder "$(container_main "$3")" freezer)
  remember "$1" folder "$folder"
  freeze_set "$folder" 1
}

# freeze_set FOLDER 0|1: returns when it is so
freeze_set() {
  local file=$1/cgroup.freeze wanted=$2 now=
  if [ "$(cgroup_version)" = 1 ]; then
    file=$1/freezer.state
    wanted=THAWED
    [ "$2" = 0 ] || wanted=FROZEN
  fi
  for _ in {1..50}; do
    # written again each time: a process that was just being started may keep the first from being complete
    echo "$wanted" >"$file" || true
    now=$(freeze_state "$1")
    [ "$now" != "$2" ] || return 0
    sleep 0.1
  done
  die "$file says $now after 5 s, expected $wanted"
}

# 1 frozen, 0 not, - in between
freeze_state() {
  local now key value
  if [ "$(cgroup_version)" = 1 ]; then
    now=$(cat "$1/freezer.state")
    case $now in FROZEN) echo 1 ;; THAWED) echo 0 ;; *) echo - ;; esac
  else
    while read -r key value; do [ "$key" != frozen ] || echo "$value"; done <"$1/cgroup.events"
  fi
}

freeze_remove() {
  local folder id what
  folder=$(recall "$1" folder)
  [ -n "$folder" ] || while IFS=$'\t' read -r id what; do [ "$id" != "$1" ] || folder=${what##* }; done < <(freeze_list)
  [ -n "$folder" ] && [ -e "$folder" ] || return 0
  freeze_set "$folder" 0
}

# What is frozen without having been written down is given an id made of its container's.
freeze_list() {
  local file folder id name known
  while read -r file; do
    folder=${file%/*}
    [ "$(freeze_state "$folder" 2>/dev/null)" != 0 ] || continue
    # below a frozen folder everything is frozen
    [ "$(freeze_state "${folder%/*}" 2>/dev/null)" != 1 ] || continue
    name=${folder##*/}
    id=frozen-$(printf %.12s "${name//[^0-9a-f]/}")
    for known in "$state"/faults/*; do
      [ "$(recall "${known##*/}" folder)" != "$folder" ] || id=${known##*/}
    done
    printf '%s\tfrozen: %s\n' "$id" "$folder"
  done < <(freeze_files)
}

freeze_files() {
  if [ "$(cgroup_version)" = 1 ]; then
    grep -lx FROZEN $(pod_folders freezer freezer.state) /dev/null 2>/dev/null || true
  else
    grep -lx 1 $(pod_folders '' cgroup.freeze) /dev/null 2>/dev/null || true
  fi
}

freeze_features() {
  if [ "$(cgroup_version)" = 2 ] || [ -d $cgroups/freezer ]; then echo freeze; fi
}
