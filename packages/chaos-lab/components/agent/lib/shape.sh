# shape POD-UID BITS IN OUT: what a pod gets and sends is held to so many bits a second.
#
#   IN   from whom: addresses and networks, comma-separated, any or none. Shaped at the node's end of the pod's cable,
#        where the peers have their own addresses even behind a ClusterIP
#   OUT  to whom. Shaped at the pod's own end, for peers that are no pods of ours

# The number of the queueing discipline says that it is ours.
readonly shape_handle=c4a0:

shape_apply() {
  [ $# -eq 5 ] || die 'usage: apply ID TTL RUN shape POD-UID BITS IN OUT'
  local id=$1 bits=$3 in=$4 out=$5 network inner peer outer
  [[ $bits =~ ^[1-9][0-9]*$ ]] || die "rate: got '$bits', expected bits a second"
  network=$(pod_network "$2")
  read -r inner peer < <(shape_cable "$network") || die "pod $2 hangs on no pair of interfaces that could be shaped"
  outer=$(nsenter --net=/proc/1/ns/net -- ip -o link show | while IFS=': ' read -r number name _; do
    [ "$number" != "$peer" ] || echo "${name%%@*}"
  done)
  [ -n "$outer" ] || die "the node has no interface number $peer"
  remember "$id" pod "$2"
  if [ "$in" != none ]; then
    remember "$id" shaped "/proc/1/ns/net $outer"
    shape_interface /proc/1/ns/net "$outer" "$bits" src "$in"
  fi
  if [ "$out" != none ]; then
    remember "$id" shaped "$network $inner"
    shape_interface "$network" "$inner" "$bits" dst "$out"
  fi
}

# Name of the pod's interface and number of its other end.
shape_cable() {
  local name
  nsenter --net="$1" -- ip -o link show | while read -r _ name _; do
    name=${name%:}
    case $name in *@if*)
      echo "${name%@*} ${name##*@if}"
      return
      ;;
    esac
  done | head -n 1
}

# shape_interface NETWORK INTERFACE BITS FIELD PEERS
shape_interface() {
  local network=$1 device=$2 bits=$3 field=$4 peers=$5 item default=1
  local tc=(nsenter --net="$network" -- tc)
  [ "$peers" != any ] || default=2
  "${tc[@]}" qdisc add dev "$device" root handle $shape_handle htb default $default r2q 1000
  "${tc[@]}" class add dev "$device" parent $shape_handle classid ${shape_handle}1 htb rate 40gbit quantum 60000
  "${tc[@]}" class add dev "$device" parent $shape_handle classid ${shape_handle}2 htb rate "${bits}bit" burst 16k quantum 9000
  [ "$peers" != any ] || return 0
  for item in ${peers//,/ }; do
    case $item in
      *:*) "${tc[@]}" filter add dev "$device" parent $shape_handle protocol ipv6 prio 2 u32 match ip6 "$field" "$item" flowid ${shape_handle}2 ;;
      *) "${tc[@]}" filter add dev "$device" parent $shape_handle protocol ip prio 1 u32 match ip "$field" "$item" flowid ${shape_handle}2 ;;
    esac
  done
}

# Every interface that is shaped by us: file of the network, name.
shape_interfaces() {
  local network device
  for network in $(all_networks); do
    { nsenter --net="$network" -- tc qdisc show 2>/dev/null || true; } | while read -r _ kind handle _ device _; do
      [ "$kind $handle" != "htb $shape_handle" ] || echo "$(stat -L -c %i "$network") $network $device"
    done
  done
}

# The id of what shapes an interface, by what was written down.
shape_id() {
  local known network device
  for known in "$state"/faults/*; do
    while read -r network device; do
      [ "$device" != "$2" ] || [ "$(stat -L -c %i "$network" 2>/dev/null)" != "$1" ] || {
        echo "${known##*/}"
        return
      }
    done < <(recall "${known##*/}" shaped)
  done
  echo "shaped-$1-${2,,}"
}

shape_remove() {
  local inode network device
  while read -r inode network device; do
    [ "$(shape_id "$inode" "$device")" = "$1" ] || continue
    nsenter --net="$network" -- tc qdisc del dev "$device" root handle $shape_handle
  done < <(shape_interfaces)
}

shape_list() {
  local inode network device
  while read -r inode network device; do
    printf '%s\tqueueing discipline of %s in %s\n' "$(shape_id "$inode" "$device")" "$device" "$network"
  done < <(shape_interfaces)
}

shape_features() {
  local probe='ip link add probe0 type veth peer name probe1 && tc qdisc add dev probe0 root handle 1: htb default 1'
  probe+=' && tc filter add dev probe0 parent 1: protocol ip prio 1 u32 match ip src 10.0.0.1 flowid 1:1'
  if unshare --net -- bash -c "$probe" >/dev/null 2>&1; then echo shape; fi
}
