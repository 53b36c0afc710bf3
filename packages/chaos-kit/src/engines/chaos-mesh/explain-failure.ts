/** What the daemon says, and what it means. */
const causes: readonly [pattern: RegExp, meaning: string][] = [
  [
    /qdisc kind is unknown|qdisc not found|unable to set tcs|sch_\w+/i,
    "the node's kernel lacks the queueing discipline (sch_netem, sch_prio or sch_tbf)",
  ],
  [/expected (\w+):\/\/ but got (\w+):\/\//i, 'the daemon is set up for another container runtime than the node has'],
  [/unable to flush ip sets|ipset/i, 'ip sets cannot be used: the kernel lacks ip_set, or the runtime socket is wrong'],
  [/dangerous|host ?network/i, 'pods in the network of their node are refused'],
  [/no such container|container .*not found|can ?not find/i, 'the container is not there: it is just being restarted'],
  [/toda|fuse/i, 'the layer between PostgreSQL and its volume could not be put up in time'],
  [/connection refused|DeadlineExceeded|Unavailable/, "the daemon on the pod's node does not answer"],
];

/** Adds to a message of the controller what it usually means. An unknown one stays as it is. */
export function explainFailure(message: string): string {
  const known = causes.find(([pattern]) => pattern.test(message));
  return known === undefined ? message : `${message} (${known[1]})`;
}
