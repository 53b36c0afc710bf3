# delay POD-UID LATENCY-US JITTER-US IN OUT: packets of a pod are held for a while.
#
#   IN   whose packets to the pod: addresses and networks, comma-separated, any or none. Held where they arrive in the
#        pod, since what is held where it is sent makes TCP send less (its small queues)
#   OUT  the pod's packets to whom. Held where the node forwards them, for peers that are no pods of ours
#
# Works without netem, which some kernels lack: a rule sends the packets to a queue, and a program holds them there. Where
# the program does not run, the rule lets everything through.

readonly delay_mark=cnpg-chaos:

delay_apply() {
  [ $# -eq 6 ] || die 'usage: apply ID TTL RUN delay POD-UID LATENCY-US JITTER-US IN OUT'
  local id=$1 uid=$2 latency=$3 jitter=$4 in=$5 out=$6
  [[ $latency =~ ^[1-9][0-9]*$ && $jitter =~ ^[0-9]+$ ]] || die "latency: got '$latency' and '$jitter', expected microseconds"
  remember "$id" pod "$uid"
  remember "$id" delay "$latency $jitter $in $out"
  delay_start "$id"
}

# Also after the agent was started anew: its programs went with it.
delay_start() {
  local id=$1 uid latency jitter in out network queue
  uid=$(recall "$id" pod)
  read -r latency jitter in out < <(recall "$id" delay)
  network=$(pod_network "$uid")
  queue=$((1000 + $(cksum <<<"$id" | cut -d ' ' -f 1) % 60000))
  if [ "$in" != none ]; then
    delay_program "$id" "$network" "$queue" "$latency" "$jitter"
    delay_rules "$network" INPUT -i -s "$in" '' "$id" "$queue"
  fi
  if [ "$out" != none ]; then
    delay_program "$id" /proc/1/ns/net "$queue" "$latency" "$jitter"
    delay_rules /proc/1/ns/net FORWARD '' -d "$out" "$(pod_addresses "$network")" "$id" "$queue"
  fi
}

# delay_program ID NETWORK QUEUE LATENCY JITTER: returns when it holds packets
delay_program() {
  local id=$1 network=$2 queue=$3 latency=$4 jitter=$5 left log=$state/delay-$1.log
  left=$(($(recall "$id" until) - $(uptime_seconds) + 5))
  setsid nsenter --net="$network" -- netdelay "$id" "$queue" "$latency" "$jitter" "$left" >"$log" 2>&1 </dev/null 9>&- &
  for _ in {1..40}; do
    ! grep -q ready "$log" || return 0
    kill -0 $! 2>/dev/null || die "netdelay: $(cat "$log")"
    sleep 0.05
  done
  die "netdelay is not ready after 2 s: $(cat "$log")"
}

# delay_rules NETWORK CHAIN LOOPBACK-OPTION FIELD PEERS POD-ADDRESSES ID QUEUE
delay_rules() {
  local network=$1 chain=$2 loopback=$3 field=$4 peers=$5 own=$6 id=$7 queue=$8 item tool mine
  local -a match
  [ "$peers" != any ] || peers=0.0.0.0/0,::/0
  for item in ${peers//,/ }; do
    tool=iptables
    case $item in *:*) tool=ip6tables ;; esac
    for mine in ${own:-all}; do
      match=("$field" "$item")
      [ -z "$loopback" ] || match+=(! "$loopback" lo)
      if [ "$mine" != all ]; then
        case $tool$mine in iptables*:* | ip6tables*.*) continue ;; esac
        match+=(-s "$mine")
      fi
      nsenter --net="$network" -- "$tool" -w 5 -t mangle -I "$chain" "${match[@]}" \
        -m comment --comment "$delay_mark$id" -j NFQUEUE --queue-num "$queue" --queue-bypass
    done
  done
}

# Addresses of a pod, as the node sees them.
pod_addresses() {
  local address
  while read -r _ _ _ address _; do echo "${address%/*}"; done < <(nsenter --net="$1" -- ip -o address show scope global)
}

delay_resume() { [ -z "$(recall "$1" delay)" ] || { delay_unrule "$1" && delay_start "$1"; }; }

# First the rules, so that nothing more is held; then the programs, which let go of what they hold.
delay_remove() {
  local pid
  delay_unrule "$1"
  for pid in $(delay_programs "$1"); do kill "$pid" 2>/dev/null || true; done
  rm -f "$state/delay-$1.log"
  ! delay_list | grep -qE "^$1	" || sleep 0.2
  ! delay_list | grep -qE "^$1	" || die "$1 is still there"
}

delay_unrule() {
  local network tool rule
  while read -r network tool; do
    nsenter --net="$network" -- "$tool-save" -t mangle | grep -F -- "\"$delay_mark$1\"" | while read -r rule; do
      # the rule is quoted as a shell would want it
      eval "nsenter --net='$network' -- $tool -w 5 -t mangle -D ${rule#-A }"
    done || true
  done < <(delay_tables)
}

# Every network with a table that such a rule may be in, and the tool for it.
delay_tables() {
  local network kind name
  for network in $(all_networks); do
    { nsenter --net="$network" -- nft list tables 2>/dev/null || true; } | while read -r _ kind name; do
      case "$kind $name" in
        'ip mangle') echo "$network iptables" ;;
        'ip6 mangle') echo "$network ip6tables" ;;
      esac
    done
  done
}

delay_programs() {
  local pid
  local -a words
  for pid in $(pgrep -x netdelay || true); do
    mapfile -d '' words <"/proc/$pid/cmdline" 2>/dev/null || continue
    [ "${words[1]:-}" != "$1" ] && [ -n "$1" ] || echo "$pid"
  done
}

delay_list() {
  local network tool rule pid
  local -a words
  while read -r network tool; do
    { nsenter --net="$network" -- "$tool-save" -t mangle 2>/dev/null || true; } | while read -r rule; do
      case $rule in
        *"\"$delay_mark"*)
          rule=${rule#*"$delay_mark"}
          printf '%s\tqueue rule in %s\n' "${rule%%\"*}" "$network"
          ;;
      esac
    done
  done < <(delay_tables)
  for pid in $(delay_programs ''); do
    mapfile -d '' words <"/proc/$pid/cmdline" 2>/dev/null || continue
    printf '%s\tprocess %s holds packets\n' "${words[1]}" "$pid"
  done
}

delay_features() {
  local probe='iptables -t mangle -A INPUT -m comment --comment x -j NFQUEUE --queue-num 1 --queue-bypass'
  probe+=' && { netdelay probe 1 1000 0 1 >/dev/null & } && sleep 0.2 && kill $!'
  if unshare --net -- bash -c "$probe" >/dev/null 2>&1; then echo delay; fi
}
