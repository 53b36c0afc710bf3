#!/bin/bash
# Makes a container look like a node to the agent: control groups as a kubelet makes them, and pods that are a process
# each, with a network of their own on one bridge, and a volume of 64 MiB at /vol.
#
#   fake-node.sh up                  process 1 of the container
#   fake-node.sh pod UID CID NUMBER  starts a pod with address 10.9.0.NUMBER, returns when its process runs
set -euo pipefail

up() {
  mount -o remount,rw /sys
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    mount -o remount,rw /sys/fs/cgroup
  else
    for dir in /sys/fs/cgroup/*; do mountpoint -q "$dir" && mount -o remount,bind,rw "$dir"; done
  fi
  [ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237
  for i in {0..63}; do [ -e "/dev/loop$i" ] || mknod "/dev/loop$i" b 7 "$i"; done
  ip link add br0 type bridge
  ip address add 10.9.0.254/24 dev br0
  ip link set br0 up
  touch /ready
  while :; do sleep 1000 & wait; done
}

pod() {
  local uid=$1 cid=$2 number=$3
  truncate -s 64M "/disk$number.img"
  mkfs.ext4 -q -F -m 0 "/disk$number.img"
  mkdir -p "/vol$number"
  # the loop device goes with the mount
  mount -o loop "/disk$number.img" "/vol$number"
  setsid "$0" container "$uid" "$cid" "$number" >"/pod$number.log" 2>&1 </dev/null &
  for _ in {1..50}; do
    [ ! -s "/pod$number.pid" ] || break
    sleep 0.1
  done
  local pid
  pid=$(cat "/pod$number.pid")
  ip link add "veth$number" type veth peer name eth0 netns "$pid"
  ip link set "veth$number" master br0 up
  nsenter --net="/proc/$pid/ns/net" -- bash -c "ip address add 10.9.0.$number/24 dev eth0; ip link set eth0 up; ip link set lo up"
}

# Runs in the pod's control groups; process 1 of its namespace is what the agent takes for the container's.
container() {
  local uid=$1 cid=$2 number=$3 dir
  for dir in /sys/fs/cgroup/*/; do
    case $dir in */cpuset/ | */unified/) continue ;; esac
    [ -e "$dir/cgroup.procs" ] || continue
    mkdir -p "$dir/kubepods/burstable/pod$uid/$cid"
    echo $BASHPID >"$dir/kubepods/burstable/pod$uid/$cid/cgroup.procs"
  done
  exec unshare --net --mount --pid --fork --mount-proc bash -c '
    mkdir -p /var/lib/postgresql/data
    mount --bind /vol'"$number"' /var/lib/postgresql/data
    exec -a postgres bash -c "
      (exec -a \"postgres: pg: checkpointer \" sleep 100000) &
      (exec -a \"postgres: pg: app app 10.9.0.9(4444) idle\" sleep 100000) &
      (exec -a \"postgres -D /pgdata\" sleep 100000) &
      echo started
      wait"' &
  for _ in {1..50}; do
    # process 1 inside: the child of unshare
    pid=$(pgrep -P $!) || pid=
    [ -z "$pid" ] || break
    sleep 0.1
  done
  echo "$pid" >"/pod$number.pid"
  wait
}

"$@"
