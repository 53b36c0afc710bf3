import { passed } from './checker.ts';
import type { RunChecker, RunEvidence } from './checker.ts';

/** An acknowledgement must have come in this time before the first fault, in ms; the baseline makes sure of it. */
const LIVELY_MS = 1000;
/** How long after an act its effect may set in when it was not seen when that was, in ms. */
const UNDATED_EFFECT_MS = 1000;

/**
 * Whether the run could have shown anything. Without an acknowledged write it could not; and when something was broken on
 * purpose, writes must have been acknowledged just before, one must have been under way, and after a promotion the new
 * timeline must have acknowledged some.
 */
export const power: RunChecker = {
  name: 'power',
  about: 'integrity',
  needs: 'run',
  check(evidence) {
    const { record, observations } = evidence;
    const faults = observations?.faults ?? [];
    const looked =
      faults.length === 0 ? 'acknowledgements' : `acknowledgements around ${faults.map(({ what }) => what).join(', ')}`;
    if (record.acknowledged === 0)
      return {
        verdict: 'inconclusive',
        count: 1,
        looked,
        sentences: ['no write was acknowledged, so nothing was tested'],
      };
    const sentences = unmet(evidence);
    if (sentences.length === 0) return passed(looked);
    return { verdict: 'inconclusive', count: sentences.length, looked, sentences };
  },
};

function unmet({ record, observations, ...rest }: RunEvidence & { read?: { timeline: number } }): string[] {
  const [fault] = observations?.faults ?? [];
  if (fault === undefined) return [];
  const { completions } = record;
  const untilMs = fault.effectAtMs ?? fault.atMs + UNDATED_EFFECT_MS;
  let lively = false;
  // one that never ended was under way at any time after it was sent
  let inFlight = record.inFlight > 0;
  for (let i = completions.firstAtOrAfter(fault.atMs - LIVELY_MS); i < completions.length; i++) {
    const endMs = completions.endMs(i);
    if (completions.acknowledged(i) && endMs <= fault.atMs) lively = true;
    if (endMs >= fault.atMs && completions.sentMs(i) <= untilMs) inFlight = true;
    if (inFlight && endMs > fault.atMs) break;
  }
  const sentences: string[] = [];
  if (!lively) sentences.push(`no write was acknowledged in the second before ${fault.what}, so it hit an idle system`);
  if (!inFlight) sentences.push(`no write was under way while ${fault.what} took effect`);
  const now = rest.read?.timeline;
  const before = Math.max(0, ...record.origins.filter((it) => it.firstAckMs <= fault.atMs).map((it) => it.timeline));
  if (now !== undefined && before > 0 && now > before && record.highestTimeline <= before) {
    sentences.push(
      `timeline ${now} came after ${fault.what}, but no write was acknowledged on it: the run ended before it could show anything about the promotion`,
    );
  }
  return sentences;
}
