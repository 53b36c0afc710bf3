import type { PodTarget } from '../../targets/target.ts';
import type { Action, PlanContext } from '../engine.ts';
import { EngineError } from '../engine-error.ts';
import { chaosAction } from './chaos-action.ts';
import { chaosObject, type ChaosObject, durationOf, podNames, podSelection } from './chaos-object.ts';

/** What a NetworkChaos does to packets. */
export type NetworkEffect =
  /** Drops them, in open connections, too. */
  | { readonly kind: 'partition' }
  /** Delays them. */
  | { readonly kind: 'delay'; readonly latencyMs: number; readonly jitterMs?: number; readonly correlation?: number }
  /** Loses, duplicates or corrupts some of them, in percent. */
  | { readonly kind: 'loss' | 'duplicate' | 'corrupt'; readonly percent: number; readonly correlation?: number }
  /** Lets no more through than this. */
  | { readonly kind: 'bandwidth'; readonly bitsPerSecond: number };

/** Which packets of the source: those that it sends, those that it is sent, or both. */
export type NetworkDirection = 'to' | 'from' | 'both';

/** Options of `networkChaos`. */
export interface NetworkChaosOptions {
  readonly effect: NetworkEffect;
  readonly source: readonly PodTarget[];
  /**
   * The other side, by pod. Without it and without `externalTargets`: everybody. The rules hold the addresses that the
   * pods have when the fault is injected: one that is created anew is not covered.
   */
  readonly target?: readonly PodTarget[];
  /** The other side, by address or CIDR block. Together with `target`, the target pods are cut off from them, too. */
  readonly externalTargets?: readonly string[];
  readonly direction: NetworkDirection;
}

/**
 * A network fault between pods, or between pods and addresses. A partition is put up on both ends; everything else shapes
 * what leaves a pod: with `to` that of the source, with `from` that of the targets, with `both` both, so that a round
 * trip is delayed twice.
 *
 * A partition to a Service's address works, because the other end drops, too; anything that shapes does not see pods
 * behind a Service's address.
 *
 * @throws EngineError when Chaos Mesh cannot do it in this shape
 */
export function networkChaos(options: NetworkChaosOptions): Action {
  const { effect, source, target = [], externalTargets = [], direction } = options;
  assertPossible(options);
  const other = [...podNames(target), ...externalTargets].join(', ') || 'everybody';
  const arrow = { to: '→', from: '←', both: '↔' }[direction];
  return chaosAction({
    summary: `NetworkChaos ${describeEffect(effect)}: ${podNames(source).join(', ')} ${arrow} ${other}`,
    object: (context) => networkChaosObject(options, context),
    pods: [...source, ...target],
    records: podNames([...source, ...target]),
  });
}

/** What the nodes must have for an effect: words for the preflight of the engine. */
export function networkNeeds(effect: NetworkEffect['kind'], targeted: boolean): string[] {
  const shaping = {
    partition: [],
    delay: ['netem'],
    loss: ['netem'],
    duplicate: ['netem'],
    corrupt: ['netem'],
    bandwidth: ['tbf'],
  };
  const sorting = targeted && effect !== 'partition' ? ['prio'] : [];
  return ['NetworkChaos', 'daemon', ...(targeted ? ['ipset'] : []), ...sorting, ...shaping[effect]];
}

/** The complete NetworkChaos. Nothing is left to Chaos Mesh's defaulting webhook, which may not be registered. */
export function networkChaosObject(options: NetworkChaosOptions, context: PlanContext): ChaosObject {
  const { effect, source, target = [], externalTargets = [], direction } = options;
  return chaosObject('NetworkChaos', context, {
    action: effect.kind,
    mode: 'all',
    selector: podSelection(source),
    direction,
    duration: durationOf(context),
    ...effectSpec(effect),
    ...(target.length === 0 ? {} : { target: { mode: 'all', selector: podSelection(target) } }),
    ...(externalTargets.length === 0 ? {} : { externalTargets: [...externalTargets] }),
  });
}

function effectSpec(effect: NetworkEffect): Record<string, unknown> {
  switch (effect.kind) {
    case 'partition':
      return {};
    case 'delay':
      // Whole milliseconds: the daemon compares the text with that of zero, and takes "0.5s" for none.
      return {
        delay: {
          latency: `${Math.round(effect.latencyMs)}ms`,
          jitter: `${Math.round(effect.jitterMs ?? 0)}ms`,
          correlation: String(effect.correlation ?? 0),
        },
      };
    case 'loss':
    case 'duplicate':
    case 'corrupt':
      return { [effect.kind]: { [effect.kind]: String(effect.percent), correlation: String(effect.correlation ?? 0) } };
    case 'bandwidth':
      return { bandwidth: bandwidthSpec(effect.bitsPerSecond) };
  }
}

// A token bucket that may send for 10 ms at once, and a queue of 50 ms: long enough for a full rate, short enough not to
// look like a delay. Bytes. Two packets of an Ethernet at least.
function bandwidthSpec(bitsPerSecond: number) {
  const bytes = bitsPerSecond / 8;
  const buffer = Math.max(3_200, Math.ceil(bytes / 100));
  return { rate: `${Math.round(bitsPerSecond)}bit`, limit: buffer + Math.ceil(bytes / 20), buffer };
}

function assertPossible({ effect, source, target = [], externalTargets = [], direction }: NetworkChaosOptions): void {
  const fail = (why: string) => {
    throw new EngineError('chaos-mesh', `NetworkChaos ${effect.kind}: ${why}`);
  };
  if (source.length === 0) fail('it has no source');
  const both = podNames(source).filter((name) => podNames(target).includes(name));
  if (both.length > 0) fail(`${both.join(', ')} cannot be on both sides`);
  if (effect.kind === 'partition' || direction === 'to') return;
  // What leaves others is shaped in their own pods, so they have to be pods.
  if (target.length === 0)
    fail(`direction "${direction}" needs target pods, because only what leaves a pod can be shaped`);
  if (externalTargets.length > 0) fail(`direction "${direction}" cannot be combined with external targets`);
}

function describeEffect(effect: NetworkEffect): string {
  switch (effect.kind) {
    case 'partition':
      return 'partition';
    case 'delay':
      return `delay ${effect.latencyMs} ms ± ${effect.jitterMs ?? 0} ms`;
    case 'bandwidth':
      return `bandwidth ${effect.bitsPerSecond} bit/s`;
    case 'loss':
    case 'duplicate':
    case 'corrupt':
      return `${effect.kind} ${effect.percent} %`;
  }
}
