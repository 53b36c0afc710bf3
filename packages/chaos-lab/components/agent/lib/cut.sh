# cut POD-UID HOW PERCENT IN OUT EXCEPT: packets of a pod are lost.
#
#   HOW      drop: nothing comes back. reject: whoever sends is told, TCP by a reset
#   PERCENT  of the packets, at random, with two digits after the point at most; 100 for all
#   IN, OUT  whose packets to the pod, and the pod's packets to whom: addresses and networks, comma-separated, any or none
#   EXCEPT   none, or node: what the node itself sends and gets is left alone, such as the kubelet's probes
#
# The rules are a table of their own in the pod's network namespace, so that nothing of Kubernetes or the network plug-in
# is touched, and deleting the table is the whole undo. Connections that are open are hit like new ones: the chains come
# before connection tracking. Behind a ClusterIP only the end that is connected to sees the other's address; a fault
# between two pods therefore needs both of their namespaces.

cut_table() { echo "cnpg_chaos_${1//-/_}"; }

cut_apply() {
  [ $# -eq 7 ] || die 'usage: apply ID TTL RUN cut POD-UID HOW PERCENT IN OUT EXCEPT'
  local id=$1 uid=$2 how=$3 percent=$4 in=$5 out=$6 except=$7 network rules
  network=$(pod_network "$uid")
  remember "$id" pod "$uid"
  rules=$(cut_rules "$(cut_table "$id")" "$how" "$percent" "$in" "$out" "$except")
  nsenter --net="$network" -- nft -f - <<<"$rules"
}

cut_rules() {
  local table=$1 how=$2 percent=$3 in=$4 out=$5 except=$6
  local nodes=
  [ "$except" != node ] || nodes=$(node_addresses)
  echo "table inet $table {"
  [ "$in" = none ] || cut_chain input iif saddr "$how" "$percent" "$in" "$nodes"
  [ "$out" = none ] || cut_chain output oif daddr "$how" "$percent" "$out" "$nodes"
  echo '}'
}

# cut_chain HOOK INTERFACE FIELD HOW PERCENT PEERS NODES
cut_chain() {
  local match
  echo "chain $1 { type filter hook $1 priority -310; policy accept;"
  echo "$2 lo accept"
  # the answer that a rejected packet gets must arrive
  [ "$4" != reject ] || echo 'tcp flags & rst == rst accept'
  cut_matches "$3" "$7" | while read -r match; do echo "$match accept"; done
  if [ "$6" = any ]; then
    cut_verdict '' "$4" "$5"
  else
    cut_matches "$3" "$6" | while read -r match; do cut_verdict "$match" "$4" "$5"; done
  fi
  echo '}'
}

# cut_matches FIELD LIST: one match per address family
cut_matches() {
  local item four='' six=''
  for item in ${2//,/ }; do
    [[ $item =~ ^[0-9a-fA-F:./]+$ ]] || die "address: got '$item'"
    case $item in *:*) six+=,$item ;; *) four+=,$item ;; esac
  done
  [ -z "$four" ] || echo "ip $1 { ${four#,} }"
  [ -z "$six" ] || echo "ip6 $1 { ${six#,} }"
}

# cut_verdict MATCH HOW PERCENT
cut_verdict() {
  local match=$1 share=${3/./}
  case $3 in
    100) ;;
    *.??) match+=" numgen random mod 10000 < $((10#$share))" ;;
    *.?) match+=" numgen random mod 1000 < $((10#$share))" ;;
    *) match+=" numgen random mod 100 < $((10#$share))" ;;
  esac
  case $2 in
    drop) echo "$match counter drop" ;;
    reject)
      echo "$match meta l4proto tcp counter reject with tcp reset"
      echo "$match counter reject with icmpx admin-prohibited"
      ;;
    *) die "how: got '$2', expected drop or reject" ;;
  esac
}

# A pod's namespace goes with the pod; where the pod is not known, every namespace is looked at.
cut_remove() {
  local table network
  table=$(cut_table "$1")
  for network in $(all_networks); do
    nsenter --net="$network" -- nft delete table inet "$table" 2>/dev/null || true
  done
  ! cut_list | grep -qE "^$1	" || die "table $table is still there"
}

cut_list() {
  local network table
  for network in $(all_networks); do
    { nsenter --net="$network" -- nft list tables inet 2>/dev/null || true; } | while read -r _ _ table; do
      case $table in
        cnpg_chaos_*)
          table=${table#cnpg_chaos_}
          printf '%s\t%s\n' "${table//_/-}" "packet filter in $network"
          ;;
      esac
    done
  done
}

cut_features() {
  local scratch='table inet scratch { chain c { type filter hook input priority 0; numgen random mod 100 < 1 drop; reject with tcp reset; }; }'
  if unshare --net -- nft -f - <<<"$scratch" 2>/dev/null; then echo cut; fi
}
