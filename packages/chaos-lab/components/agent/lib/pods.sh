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
  local pid inode node why='has no process on this node'
  node=$(stat -L -c %i /proc/1/ns/net)
  for pid in $(pod_processes "$1"); do
    inode=$(stat -L -c %i "/proc/$pid/ns/net" 2>/dev/null) || continue
    if [ "$inode" != "$node" ]; then
      echo "/proc/$pid/ns/net"
      return
    fi
    why='uses the network of its node: a fault there would hit the node'
  done
  die "pod $1 $why"
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

# Process 1 of a container, by the container's id.
container_main() {
  local pid key value
  [[ $1 =~ ^[0-9a-f]{64}$ ]] || die "container: got '$1', expected an id of 64 hex digits"
  for pid in $(container_processes "$1"); do
    while read -r key value; do
      [ "$key" != NSpid: ] || [ "${value##*[[:space:]]}" != 1 ] || {
        echo "$pid"
        return
      }
    done <"/proc/$pid/status" 2>/dev/null || true
  done
  die "container ${1:0:12} does not run on this node"
}

container_processes() {
  local file
  grep -l "$1" /proc/[0-9]*/cgroup 2>/dev/null | while IFS=/ read -r _ _ file _; do echo "$file"; done || true
}

# --- control groups, version 1 or 2
readonly cgroups=/proc/1/root/sys/fs/cgroup

cgroup_version() { if [ -e $cgroups/cgroup.controllers ]; then echo 2; else echo 1; fi; }

# Folder of a process in the tree of a controller, as the node sees it.
cgroup_folder() {
  local pid=$1 controller=$2 names path
  while IFS=: read -r _ names path; do
    if [ -z "$names" ] && [ "$(cgroup_version)" = 2 ]; then
      echo "$cgroups$path"
      return
    fi
    [[ ,$names, != *,$controller,* ]] || {
      echo "$cgroups/$controller$path"
      return
    }
  done < <(nsenter --cgroup=/proc/1/ns/cgroup -- cat "/proc/$pid/cgroup")
  die "process $pid is in no control group of $controller"
}

# pod_folders CONTROLLER FILE: every such file of a pod's or container's control group
pod_folders() {
  local root=$cgroups
  [ "$(cgroup_version)" = 2 ] || root+=/$1
  printf '%s\n' "$root"/kubepods*/**/"$2"
}
