# fill POD-UID CONTAINER-ID MOUNT LEAVE: a file takes all of a volume but LEAVE bytes. Only where the volume has a size of
# its own: what lies on the node's own disk is refused, since filling it would hit the node.

readonly fill_name=.cnpg-chaos-fill-

fill_apply() {
  [ $# -eq 5 ] || die 'usage: apply ID TTL RUN fill POD-UID CONTAINER-ID MOUNT LEAVE'
  local id=$1 container=$3 mount=$4 leave=$5 main folder file
  [[ $leave =~ ^[0-9]+$ ]] || die "leave: got '$leave', expected bytes"
  main=$(container_main "$container")
  folder=$(volume_folder "$main" "$mount")
  [ "$(stat -c %d "$folder")" != "$(stat -c %d /proc/1/root)" ] && ! shares_kubelet "$folder" ||
    die "$mount has no size of its own: it lies on the disk of the node"
  file=$folder/$fill_name$id
  remember "$id" file "$file"
  fill_up "$file" "$leave"
  echo "$(stat -c %s "$file") bytes, $(free_bytes "$folder") left"
}

shares_kubelet() {
  local kubelet=/proc/1/root/var/lib/kubelet
  [ -d $kubelet ] && [ "$(stat -c %d "$1")" = "$(stat -c %d $kubelet)" ]
}

free_bytes() {
  local blocks size
  read -r blocks size < <(stat -f -c '%a %S' "$1")
  echo $((blocks * size))
}

# Grows the file by pieces that get smaller, because the last bytes go to the file system's own notes of where it is.
fill_up() {
  local file=$1 leave=$2 size=0 piece free
  : >"$file"
  piece=$(free_bytes "$file")
  while [ "$piece" -ge 4096 ]; do
    free=$(($(free_bytes "$file") - leave))
    if [ "$free" -ge 4096 ] && [ "$piece" -le "$free" ] && fallocate -o "$size" -l "$piece" "$file" 2>/dev/null; then
      size=$((size + piece))
    else
      piece=$((piece / 2))
    fi
  done
  sync "$file"
}

# The folder of the node that a container sees at a mount point.
volume_folder() {
  local pid=$1 mount=$2 device= root= path
  local one_device one_root one_mount
  while read -r _ _ one_device one_root one_mount _; do
    [ "$one_mount" != "$mount" ] || { device=$one_device root=$one_root; }
  done <"/proc/$pid/mountinfo"
  [ -n "$device" ] || die "the container has nothing mounted at $mount"
  while read -r _ _ one_device one_root one_mount _; do
    [ "$one_device" = "$device" ] || continue
    [ "$one_root" != / ] || one_root=
    case $root/ in
      "$one_root"/*)
        path=/proc/1/root$one_mount${root#"$one_root"}
        [ ! -d "$path" ] || {
          echo "${path%/}"
          return
        }
        ;;
    esac
  done </proc/1/mountinfo
  die "the node itself does not mount what the container has at $mount"
}

fill_remove() {
  local file
  for file in $(recall "$1" file) $(fill_files); do
    case $file in */"$fill_name$1") rm -f "$file" ;; esac
  done
}

# Looks into every file system that a volume can be.
fill_files() {
  local mount kind rest
  while read -r _ _ _ _ mount rest; do
    kind=${rest#* - }
    case $kind in ext[234]\ * | xfs\ * | btrfs\ * | f2fs\ * | zfs\ *) printf '%s\n' "/proc/1/root$mount/$fill_name"* ;; esac
  done </proc/1/mountinfo
  for mount in "$state"/faults/*; do
    rest=$(recall "${mount##*/}" file)
    [ -z "$rest" ] || [ ! -e "$rest" ] || echo "$rest"
  done
}

fill_list() {
  local file
  for file in $(fill_files | sort -u); do
    [ ! -e "$file" ] || printf '%s\t%s bytes in %s\n' "${file##*/"$fill_name"}" "$(stat -c %s "$file")" "$file"
  done
}

fill_features() { echo fill; }

# volume POD-UID CONTAINER-ID MOUNT: bytes that are free, and of how many
volume() {
  local folder blocks all size
  folder=$(volume_folder "$(container_main "$2")" "$3")
  read -r blocks all size < <(stat -f -c '%a %b %S' "$folder")
  echo "$((blocks * size)) $((all * size))"
}
