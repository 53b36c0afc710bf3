import type { Finding } from '../experiment/verdict.ts';

/** How the test of an experiment ended, before its experiment was ended. */
export interface TestOutcome {
  failed: boolean;
  /** The run was cancelled while the test was running. */
  cancelled: boolean;
  errors: readonly { name?: string | undefined; message: string }[];
}

/** Names of the errors that prove nothing; the test runner keeps no more of an error than its name and text. */
const INCONCLUSIVE: ReadonlySet<string> = new Set(['InconclusiveError', 'HistoryWriteError']);

/** Errors of the test that the experiment does not know of yet, as findings: failed assertions for the most part. */
export function findingsOfTest(test: TestOutcome, known: readonly Finding[]): Finding[] {
  if (test.cancelled) {
    if (known.some((finding) => finding.verdict === 'aborted')) return [];
    return [{ verdict: 'aborted', source: 'abort', reason: 'the run was cancelled' }];
  }
  return test.errors
    .filter((error) => !known.some((finding) => finding.reason === error.message))
    .map((error) => ({
      verdict: INCONCLUSIVE.has(error.name ?? '') ? 'inconclusive' : 'fail',
      source: 'spec',
      reason: error.message,
    }));
}
