import type { ExperimentReport } from '../report/schema.ts';
import type { TestOutcome } from './test-findings.ts';

/** The experiment did not come out as it must, though its spec found nothing wrong. */
export class VerdictError extends Error {
  override readonly name = 'VerdictError';
  readonly code = 'CHAOS_VERDICT';

  /** The error that a test must end with because of its experiment; nothing when it passed, or failed by itself already. */
  static of(report: ExperimentReport, test: TestOutcome): VerdictError | undefined {
    if (test.failed || test.cancelled) return undefined;
    const reasons = report.findings.map((finding) => `  ${finding.source}: ${finding.reason}`);
    if (report.expected) {
      if (report.expected.met) return undefined;
      const { verdict, reason } = report.expected;
      return new VerdictError(
        [`the verdict is ${report.verdict}, but it must be ${verdict}: ${reason}`, ...reasons].join('\n'),
      );
    }
    switch (report.verdict) {
      case 'pass':
      case 'xfail':
        return undefined;
      case 'inconclusive':
        return new VerdictError(['inconclusive, which is not a pass: nothing was proven', ...reasons].join('\n'));
      case 'unhealed':
        return new VerdictError(['a fault could not be healed and may still be there', ...reasons].join('\n'));
      case 'fail':
        return new VerdictError(['the spec found nothing wrong, but the experiment failed', ...reasons].join('\n'));
      case 'aborted':
        return new VerdictError(['the experiment was aborted', ...reasons].join('\n'));
      case 'xpass':
        return new VerdictError(
          `the known defect ${report.knownDefect?.issue ?? ''} did not show: it may be fixed, then remove the expectation`,
        );
    }
  }
}
