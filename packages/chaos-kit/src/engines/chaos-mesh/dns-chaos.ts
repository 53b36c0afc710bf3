import type { PodTarget } from '../../targets/target.ts';
import type { Action, PlanContext } from '../engine.ts';
import { chaosAction } from './chaos-action.ts';
import { chaosObject, type ChaosObject, containerRecords, durationOf, podNames, podSelection } from './chaos-object.ts';

/** Options of `dnsChaos`. */
export interface DNSChaosOptions {
  readonly targets: readonly PodTarget[];
  /** @default 'postgres' */
  readonly container?: string;
  /** `error`: names are not found. `random`: they lead to random addresses. */
  readonly action: 'error' | 'random';
  /** Names that are hit; `*` only at the end, `?` anywhere. Empty: all. */
  readonly patterns: readonly string[];
}

/** What the cluster must have: words for the preflight of the engine. */
export const dnsNeeds: readonly string[] = ['DNSChaos', 'daemon', 'dns-server'];

/** Names cannot be resolved inside a container, or wrongly: its `/etc/resolv.conf` leads to Chaos Mesh's own server. */
export function dnsChaos(options: DNSChaosOptions): Action {
  const { targets, container = 'postgres', action, patterns } = options;
  return chaosAction({
    summary: `DNSChaos ${action} for ${patterns.join(', ') || 'all names'} in ${podNames(targets).join(', ')}`,
    object: (context) => dnsChaosObject(options, context),
    pods: targets,
    records: containerRecords(targets, [container]),
  });
}

/** The complete DNSChaos. */
export function dnsChaosObject(options: DNSChaosOptions, context: PlanContext): ChaosObject {
  return chaosObject('DNSChaos', context, {
    action: options.action,
    mode: 'all',
    selector: podSelection(options.targets),
    containerNames: [options.container ?? 'postgres'],
    patterns: [...options.patterns],
    duration: durationOf(context),
  });
}
