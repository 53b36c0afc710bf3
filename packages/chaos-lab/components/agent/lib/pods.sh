# Finds what belongs to a pod, by its UID. Always looked up anew: a container that restarts has other processes, and a
# process id is used again. All paths are those of the node: hostPID makes /proc the node's.

# Processes of a pod, one id per line. Kubernetes writes the UID into the cgroup's name, with - or with _.
pod_processes() {
  local file
  [[ $1 =~ ^[0-9a-f-]{36}$ ]] || die "pod: got '$1', expected a UID"
  grep -lE "pod${1//-/[-_]}" /proc/[0-9]*/cgroup 2>/dev/null | while IFS=/ read -r _ _ file _; do echo "$file"; done || true
}

# File of a pod's network namespace. Its sandbox holds it, so containers may come and go.
pod_network() {
  local pid inode node
  node=$(stat -L -c %i /proc/1/ns/net)
  for pid in $(pod_processes "$1"); do
    inode=$(stat -L -c %i "/proc/$pid/ns/net" 2>/dev/null) || continue
    [ "$inode" != "$node" ] || die "pod $1 uses the network of its node: a fault there would hit the node"
    echo "/proc/$pid/ns/net"
    return
  done
  die "pod $1 has no process on this node"
}

# One file per network namespace of this node, those that no process uses included.
all_networks() {
  local inode path
  local -A seen=()
  while read -r inode path; do
    [ -z "${seen[$inode]:-}" ] || continue
    seen[$inode]=1
    echo "$path"
  done < <(stat -L -c '%i %n' /proc/[0-9]*/ns/net /proc/1/root/run/netns/* 2>/dev/null)
}

# Addresses of the node itself, comma-separated: its kubelet asks the pods from one of them.
node_addresses() {
  local list='' address
  while read -r _ _ _ address _; do list+=,${address%/*}; done < <(nsenter --net=/proc/1/ns/net -- ip -o address show scope global)
  while read -r _ _ _ address _; do list+=,${address%/*}; done < <(nsenter --net=/proc/1/ns/net -- ip -o address show scope link)
  echo "${list#,}"
}
