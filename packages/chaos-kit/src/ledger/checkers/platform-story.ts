import type { RunEvidence } from './checker.ts';
import { Moments } from './moments.ts';

const TOLD = new Set(['targetPrimary', 'currentPrimary', 'leaseHolder', 'readWriteEndpoints', 'timeline']);
const MAX_TOLD = 12;

/** What the platform said of who is primary while the run went on, as one sentence; `undefined` when nothing changed. */
export function platformStory(evidence: RunEvidence): string | undefined {
  const changes = (evidence.observations?.cluster ?? []).filter(
    ({ what, from }) => TOLD.has(what) && from !== undefined,
  );
  if (changes.length === 0) return undefined;
  const moments = new Moments(evidence);
  const told = changes.slice(0, MAX_TOLD).map(({ what, from, to, atMs, late }) => {
    const when = `${moments.at(atMs)}${late ? ', seen late' : ''}`;
    return `${what} ${from ?? 'none'} → ${to ?? 'none'} (${when})`;
  });
  const more = changes.length > MAX_TOLD ? ` and ${changes.length - MAX_TOLD} more` : '';
  return `what Kubernetes said meanwhile: ${told.join('; ')}${more}`;
}
