import { expect } from 'vitest';
import type { Metrics, ReportVerdict } from '../report/schema.ts';
import { chaosMatchers } from './matchers.ts';
import type { ChaosMatchers } from './matchers.ts';

export { levels, runsAtDepth } from '@cnpg-chaos/cnpg-utils';
export { describe, expect } from 'vitest';
export { InconclusiveError } from './inconclusive-error.ts';
export { chaosMatchers } from './matchers.ts';
export type { ChaosMatchers, LossLimit } from './matchers.ts';
export { NoClusterError } from './provision.ts';
export { bind, scenario, test } from './test.ts';
export type { StartLedger, Transactions, Workload } from './test.ts';
export type { TestLedger } from './test-ledger.ts';
export { VerdictError } from './verdict-error.ts';

declare module 'vitest' {
  // The parameters must be those of the interface that is extended.
  // oxlint-disable-next-line typescript/no-unused-vars
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> extends ChaosMatchers {}

  interface TaskMeta {
    /** Outcome of the experiment, for other reporters; `report.json` has all of it. */
    chaos?: { id: string; verdict: ReportVerdict; runs: Metrics[] };
    /** Where the dump and the logs of a failed test are. */
    chaosFiles?: { folder: string; files: string[] };
  }
}

expect.extend(chaosMatchers);
