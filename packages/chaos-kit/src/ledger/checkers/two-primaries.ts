import type { ProbeObservation } from '../../observers/observation.ts';
import { amount, passed } from './checker.ts';
import type { RunChecker } from './checker.ts';
import { Moments, seconds } from './moments.ts';

/** A time in which an instance surely accepted writes: between two answers of one session, nothing can have demoted it. */
interface Writable {
  readonly first: ProbeObservation;
  last: ProbeObservation;
}

interface Overlap {
  readonly old: Writable;
  readonly young: Writable;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Two instances that accepted writes at the same time. Proven only where each said so in one session before and after, and the
 * other one in between. When both have to wait for a standby, one of them cannot acknowledge; that a cut-off primary still
 * takes statements is then how synchronous replication works, and it is only told.
 */
export const twoPrimaries: RunChecker = {
  name: 'two-primaries',
  about: 'integrity',
  needs: 'run',
  check(evidence) {
    const probes = evidence.observations?.probes ?? [];
    if (probes.length === 0) return { verdict: 'unknown', count: 0, looked: 'no probes', sentences: [] };
    const instances = new Set(probes.map(({ instance }) => instance));
    const looked = `${amount(probes.length, 'probe')} of ${amount(instances.size, 'instance')}`;
    const overlaps = overlapsOf(writableTimes(probes));
    if (overlaps.length === 0) return passed(looked);
    const harmful = overlaps.filter(({ old, young }) => alone(old.last) || alone(young.last));
    const moments = new Moments(evidence);
    const sentences = (harmful.length > 0 ? harmful : overlaps).map(({ old, young, fromMs, toMs }) => {
      const both = `${name(old.last)} and ${name(young.last)} both accepted writes ${moments.at(fromMs)}, for at least ${seconds(toMs - fromMs)}`;
      const able = [old.last, young.last].filter(alone).map(({ instance }) => instance);
      return able.length > 0
        ? `${both}; ${able.join(' and ')} could acknowledge without any standby: look first at why the old one was not fenced`
        : `${both}; each had to wait for a standby, so at most one of them could acknowledge`;
    });
    if (harmful.length === 0) return { ...passed(looked), count: overlaps.length, sentences };
    return { verdict: 'fail', count: harmful.length, looked, sentences };
  },
};

/** Times in which instances surely accepted writes, by session. */
export function writableTimes(probes: readonly ProbeObservation[]): Writable[] {
  const open = new Map<string, Writable>();
  const times: Writable[] = [];
  for (const probe of probes.toSorted((a, b) => a.startMs - b.startMs)) {
    const key = `${probe.instance} ${probe.session}`;
    if (probe.recovering || probe.readOnly) {
      open.delete(key);
      continue;
    }
    const time = open.get(key);
    if (time === undefined || !sameTerms(time.first, probe)) {
      const begun = { first: probe, last: probe };
      open.set(key, begun);
      times.push(begun);
    } else time.last = probe;
  }
  return times;
}

function overlapsOf(times: readonly Writable[]): Overlap[] {
  const longest = new Map<string, Overlap>();
  for (const [i, a] of times.entries()) {
    for (const b of times.slice(i + 1)) {
      if (a.first.instance === b.first.instance || sameServer(a.first, b.first)) continue;
      const common = commonTime(a, b) ?? commonTime(b, a);
      if (common === undefined) continue;
      const [old, young] = (a.first.timeline ?? 0) <= (b.first.timeline ?? 0) ? [a, b] : [b, a];
      const key = `${old.first.instance} ${young.first.instance}`;
      const known = longest.get(key);
      if (known !== undefined && known.toMs - known.fromMs >= common.toMs - common.fromMs) continue;
      longest.set(key, { old, young, ...common });
    }
  }
  return [...longest.values()];
}

/** The time that both surely share. An answer was true at some moment between asking and hearing it. */
function commonTime(a: Writable, b: Writable): { fromMs: number; toMs: number } | undefined {
  const inside = a.first.endMs <= b.first.startMs && b.last.endMs <= a.last.startMs;
  if (inside) return { fromMs: b.first.startMs, toMs: b.last.endMs };
  const fromMs = Math.max(a.first.endMs, b.first.endMs);
  const toMs = Math.min(a.last.startMs, b.last.startMs);
  return fromMs <= toMs ? { fromMs, toMs } : undefined;
}

/** Whether two answers are of the same timeline and durability. */
function sameTerms(a: ProbeObservation, b: ProbeObservation): boolean {
  return a.timeline === b.timeline && alone(a) === alone(b);
}

function sameServer(a: ProbeObservation, b: ProbeObservation): boolean {
  return a.server === b.server && a.postmaster === b.postmaster;
}

/** Whether it acknowledges without asking a standby. */
function alone({ synchronousCommit, synchronousStandbyNames }: ProbeObservation): boolean {
  return synchronousStandbyNames.trim() === '' || synchronousCommit === 'off' || synchronousCommit === 'local';
}

function name({ instance, timeline }: ProbeObservation): string {
  return `${instance} (timeline ${timeline ?? '?'})`;
}
