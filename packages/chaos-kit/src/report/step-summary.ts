import { isAsExpected } from './build-report.ts';
import { formatCount, formatMs } from './format.ts';
import { describeOutcomes, outcomesOf, repeatsOf } from './outcomes.ts';
import type { ExperimentReport, Metrics, Report } from './schema.ts';

const head = [
  'verdict',
  'experiment',
  'profile',
  'engine',
  'acknowledged',
  'lost',
  'writes back',
  'write gap',
  'healing',
  'seed',
];

/** A Markdown table of the experiments, for a CI job's summary page. With several faults the longest times count. */
export function renderStepSummary(report: Report): string {
  const rows = report.experiments.map((experiment) =>
    [
      isAsExpected(experiment) ? `${experiment.verdict} (as expected)` : experiment.verdict,
      experiment.name,
      experiment.profile,
      experiment.engine,
      formatCount(experiment.ledger?.counts.acknowledged),
      formatCount(experiment.ledger?.counts.lost),
      formatMs(longest(experiment, 'recoveryMs')),
      formatMs(longest(experiment, 'writeGapMs')),
      experiment.findings.some((finding) => finding.source === 'heal') ? 'FAILED' : 'ok',
      String(experiment.seed),
    ].map(escapeCell),
  );
  return [
    '### Chaos experiments',
    '',
    `| ${head.join(' | ')} |`,
    `|${' --- |'.repeat(head.length)}`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
    ...repeatsOf(report.experiments).flatMap((group) => [
      `- ${escapeCell(group[0].name)} (${group[0].engine}): ${describeOutcomes(outcomesOf(group))}`,
    ]),
    '',
  ].join('\n');
}

function longest(experiment: ExperimentReport, key: 'recoveryMs' | 'writeGapMs'): number | undefined {
  const values = experiment.runs.flatMap((run: Metrics) => run[key] ?? []);
  return values.length > 0 ? Math.max(...values) : undefined;
}

function escapeCell(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll('<', '&lt;');
}
