import type { Finding } from '../experiment/verdict.ts';
import type { LedgerVerification } from '../ledger/index.ts';
import { plural } from '../report/format.ts';
import type { LossBound } from './bound-ledger.ts';

/**
 * Loss under a profile that does not promise that there is none. The experiment leaves it to the spec; a spec that does
 * not look at it does not pass, so that loss is never hidden.
 *
 * @param o.promised whether the profile promises that no acknowledged write is lost; then the experiment judges it
 * @param o.accepted the loss that the spec bounded, if it did; that the bound holds is the matcher's to say
 */
export function judgeLoss(
  verification: LedgerVerification,
  o: { promised: boolean; accepted: LossBound | undefined },
): Finding | undefined {
  const lost = verification.counts.lost + verification.counts.lostWeak;
  if (lost === 0 || o.promised || o.accepted !== undefined) return undefined;
  const loss = plural(lost, 'acknowledged write is lost', 'acknowledged writes are lost');
  const reason = `${loss} and the spec does not say how much it accepts: expect(ledger).toHaveLostAtMost(…)`;
  return { verdict: 'fail', source: 'ledger', reason };
}
