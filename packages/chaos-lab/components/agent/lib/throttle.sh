# throttle POD-UID CONTAINER-ID MOUNT latency US | hang: writes of a container to a volume are slow, or are never done.
#
# By the kernel's own limit per control group and device: writes a second, found by measuring until a write that waits for
# the disk takes as long as asked for on average, or one byte a second. The kernel grants writes in slices of 100 ms, so
# single ones differ. Only what the container itself writes waits, not what the kernel writes back later. A container that
# is started anew is not slow: its control group is another one.

throttle_apply() {
  [ $# -ge 5 ] || die 'usage: apply ID TTL RUN throttle POD-UID CONTAINER-ID MOUNT latency US|hang'
  local id=$1 container=$3 mount=$4 kind=$5 main folder device
  main=$(container_main "$container")
  folder=$(cgroup_folder "$main" blkio)
  device=$(throttle_device "$main" "$mount")
  remember "$id" throttled "$folder $device"
  case $kind in
    hang) throttle_set "$folder" "$device" bps 1 ;;
    latency) throttle_latency "$folder" "$device" "$(volume_folder "$main" "$mount")" "$6" ;;
    *) die "throttle: got '$kind', expected latency or hang" ;;
  esac
}

# Major and minor number of the disk that a mount of a process lies on; the limit is one of whole disks.
throttle_device() {
  local device='' one_device one_mount sys
  while read -r _ _ one_device _ one_mount _; do
    [ "$one_mount" != "$2" ] || device=$one_device
  done <"/proc/$1/mountinfo"
  [ -n "$device" ] || die "the container has nothing mounted at $2"
  sys=/sys/dev/block/$device
  [ -e "$sys" ] || die "$2 is on no block device ($device)"
  if [ -e "$sys/partition" ]; then cat "$sys/../dev"; else echo "$device"; fi
}

# throttle_set FOLDER DEVICE iops|bps VALUE; 0 is no limit
throttle_set() {
  if [ "$(cgroup_version)" = 1 ]; then
    echo "$2 $4" >"$1/blkio.throttle.write_$3_device"
  else
    local value=$4
    [ "$value" != 0 ] || value=max
    echo "$2 w$3=$value" >"$1/io.max"
  fi
}

throttle_latency() {
  local folder=$1 device=$2 volume=$3 wanted=$4 iops mean
  [[ $wanted =~ ^[1-9][0-9]*$ ]] || die "latency: got '$wanted', expected microseconds"
  # two writes for each that waits: the data, and the file system's own notes
  iops=$((2000000 / wanted))
  for _ in 1 2 3 4; do
    [ "$iops" -ge 1 ] || iops=1
    throttle_set "$folder" "$device" iops "$iops"
    mean=$(throttle_measure "$folder" "$volume" "$((wanted < 100000 ? 1500 : wanted / 100))")
    [ "$mean" != hung ] || die 'a write was not done within seconds'
    # near enough that the noise of the next measurement would not bring it nearer
    if [ "$mean" -ge $((wanted * 4 / 5)) ] && [ "$mean" -le $((wanted * 6 / 5)) ]; then break; fi
    [ "$iops" -gt 1 ] || [ "$mean" -gt "$wanted" ] || break
    iops=$(((iops * mean + wanted / 2) / wanted))
  done
  echo "$iops writes a second, $mean us each"
}

# Mean of writes in a container's control group, in microseconds, or `hung`.
throttle_measure() {
  local first rest mean
  read -r first rest < <(throttle_probe "$1" "$2" "$3")
  case $first in
    writes)
      read -r _ _ mean _ <<<"$rest"
      echo "$mean"
      ;;
    hung) echo hung ;;
    *) die "the volume cannot be measured: $first $rest" ;;
  esac
}

# throttle_probe FOLDER VOLUME MS
throttle_probe() {
  (
    echo $BASHPID >"$1/cgroup.procs"
    exec ioprobe "$2" "$3"
  )
}

# iolatency POD-UID CONTAINER-ID MOUNT MS: what `ioprobe` says in the container's control group
iolatency() {
  local main
  main=$(container_main "$2")
  throttle_probe "$(cgroup_folder "$main" blkio)" "$(volume_folder "$main" "$3")" "$4"
}

# Every limit there is below the pods: folder, device, what.
throttle_limits() {
  local file line
  if [ "$(cgroup_version)" = 1 ]; then
    for kind in iops bps; do
      for file in $(pod_folders blkio blkio.throttle.write_${kind}_device); do
        while read -r line; do [ -z "$line" ] || echo "${file%/*} ${line% *} $kind=${line#* }"; done <"$file"
      done
    done
  else
    for file in $(pod_folders '' io.max); do
      while read -r line; do
        case $line in *w[bi]*ps=[0-9]*) echo "${file%/*} ${line%% *} ${line#* }" ;; esac
      done <"$file"
    done
  fi
}

throttle_id() {
  local known
  for known in "$state"/faults/*; do
    [ "$(recall "${known##*/}" throttled)" != "$1 $2" ] || {
      echo "${known##*/}"
      return
    }
  done
  known=${1##*/}
  echo "throttled-${known:0:12}-${2/:/-}"
}

throttle_remove() {
  local folder device what
  while read -r folder device what; do
    [ "$(throttle_id "$folder" "$device")" = "$1" ] || continue
    throttle_set "$folder" "$device" iops 0
    throttle_set "$folder" "$device" bps 0
  done < <(throttle_limits)
}

throttle_list() {
  local folder device what
  while read -r folder device what; do
    printf '%s\t%s on device %s for %s\n' "$(throttle_id "$folder" "$device")" "$what" "$device" "$folder"
  done < <(throttle_limits)
}

throttle_features() {
  if [ "$(cgroup_version)" = 1 ]; then
    [ ! -e $cgroups/blkio/blkio.throttle.write_iops_device ] || echo throttle
  elif grep -qw io $cgroups/cgroup.controllers; then
    echo throttle
  fi
}
