import { styleText } from 'node:util';
import { isAsExpected } from './build-report.ts';
import { formatCount, formatMs, plural } from './format.ts';
import { describeOutcomes } from './outcomes.ts';
import { spreadOf } from './spread.ts';
import type { Spread } from './spread.ts';
import type { CheckReport, ExperimentReport, Metrics, PhaseSpan, Report, ReportVerdict } from './schema.ts';

/** How the summary is drawn. */
export interface SummaryOptions {
  /** @default false */
  color?: boolean;
  /** Where `report.json` was written, for the last line. */
  reportPath?: string;
}

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

const verdictStyles: Record<ReportVerdict, { mark: string; style: Style }> = {
  pass: { mark: '✓', style: 'green' },
  unhealed: { mark: '✗', style: 'red' },
  fail: { mark: '✗', style: 'red' },
  inconclusive: { mark: '?', style: 'yellow' },
  aborted: { mark: '■', style: 'magenta' },
  xfail: { mark: '~', style: 'cyan' },
  xpass: { mark: '!', style: 'yellow' },
};

/**
 * The summary that ends a run: per experiment its verdict with reasons, acknowledged and lost writes, recovery time,
 * write gap, phases and seed; then the totals.
 */
export function renderSummary(report: Report, options: SummaryOptions = {}): string {
  const paint = painter(options);
  const lines: string[] = ['', paint('bold', ' Chaos experiments')];
  for (const experiment of report.experiments) lines.push('', ...renderExperiment(experiment, paint));
  for (const { name, engine, outcomes, spreads } of spreadOf(report.experiments)) {
    lines.push('', ` ${paint('bold', name)} (${engine})`, `   ${describeOutcomes(outcomes)}`);
    if (spreads.length > 0) lines.push('   min · median · max', ...spreads.map(renderSpread));
  }
  lines.push('', ` ${renderTotals(report, paint)}`);
  if (report.run.interrupted) lines.push(` ${paint('magenta', 'interrupted before the end')}`);
  const cluster = report.run.cluster ? ` · ${describeCluster(report.run.cluster)}` : '';
  lines.push(` seed ${report.run.seed}${cluster} · ${formatMs(report.run.durationMs)}`);
  if (options.reportPath) lines.push(` report ${options.reportPath}`);
  return `${lines.join('\n')}\n`;
}

/** One line for an experiment that just ended: verdict, name and the numbers that matter. */
export function renderVerdictLine(experiment: ExperimentReport, options: SummaryOptions = {}): string {
  const parts = [experiment.name, writes(experiment), ...experiment.runs.map(numbers)].filter((part) => part !== '');
  return `${verdictLabel(experiment, painter(options))} ${parts.join(' · ')}`;
}

function renderExperiment(experiment: ExperimentReport, paint: Paint): string[] {
  const { style } = verdictStyles[experiment.verdict];
  const lines = [
    ` ${verdictLabel(experiment, paint)} ${paint('bold', experiment.name)}`,
    `   profile ${experiment.profile} · engine ${experiment.engine} · seed ${experiment.seed} · ${formatMs(experiment.durationMs)}`,
  ];
  for (const fault of experiment.faults) {
    const targets = fault.targets.map((target) => `${target.role} ${target.name}`).join(', ') || 'no target';
    lines.push(`   fault   ${fault.fault} on ${targets} (${fault.engine}): ${fault.effect?.what ?? 'no effect seen'}`);
  }
  const ledger = writes(experiment);
  if (ledger !== '') lines.push(`   writes  ${experiment.ledger?.counts.lost ? paint('red', ledger) : ledger}`);
  // Of interest only when something is wrong: each failover makes some writes fail.
  if (experiment.verdict !== 'pass') {
    for (const { reason, count } of experiment.ledger?.failures.slice(0, 3) ?? []) {
      lines.push(`           ${formatCount(count)} × ${reason.split('\n')[0] ?? ''}`);
    }
  }
  lines.push(...renderChecks(experiment, paint));
  for (const run of experiment.runs) lines.push(`   service ${numbers(run)}`);
  if (experiment.phases.length > 0) lines.push(`   phases  ${renderPhases(experiment.phases)}`);
  for (const finding of experiment.findings) {
    const [first = '', ...rest] = finding.reason.split('\n');
    const head = finding.source === 'heal' ? paint('red', 'HEALING FAILED') : paint(style, '→');
    lines.push(`   ${head} ${finding.source}: ${first}`, ...rest.map((line) => `     ${line}`));
  }
  if (experiment.expected && !experiment.expected.met) {
    lines.push(`   ${paint('red', '→')} expected ${experiment.expected.verdict}: ${experiment.expected.reason}`);
  }
  if (experiment.knownDefect)
    lines.push(`   known defect ${experiment.knownDefect.issue}: ${experiment.knownDefect.reason}`);
  return lines;
}

/** Who was asked and who has something to say; and, when not all is well, how to ask again. */
function renderChecks({ ledger, verdict }: ExperimentReport, paint: Paint): string[] {
  const { checks = [], history } = ledger ?? {};
  const lines: string[] = [];
  if (checks.length > 0) {
    const named = (wanted: CheckReport['verdict']): string =>
      checks
        .filter((check) => check.verdict === wanted)
        .map(({ checker, count }) => (count > 0 ? `${checker} ${formatCount(count)}` : checker))
        .join(', ');
    const parts = [
      `${checks.filter((check) => check.verdict === 'pass').length} of ${checks.length} pass`,
      ...(['fail', 'inconclusive', 'unknown'] as const).flatMap((wanted) => {
        const names = named(wanted);
        return names === '' ? [] : [wanted === 'fail' ? paint('red', `fail: ${names}`) : `${wanted}: ${names}`];
      }),
    ];
    lines.push(`   checks  ${parts.join('; ')}`);
  }
  // Most of it is of interest only when something is wrong.
  if (verdict !== 'pass') {
    const notes = ledger?.notes.slice(0, MAX_NOTES) ?? [];
    lines.push(...notes.map((note) => `           note: ${note.split('\n')[0] ?? ''}`));
  }
  if (history !== undefined) lines.push(`   history ${history} · npx chaos-kit verify ${history}`);
  return lines;
}

const MAX_NOTES = 5;

function painter(options: SummaryOptions): Paint {
  return (style, text) => (options.color ? styleText(style, text, { validateStream: false }) : text);
}

function verdictLabel(experiment: ExperimentReport, paint: Paint): string {
  if (isAsExpected(experiment)) return paint('green', `✓ ${experiment.verdict.toUpperCase()}, AS IT MUST`);
  const { mark, style } = verdictStyles[experiment.verdict];
  return paint(style, `${mark} ${experiment.verdict.toUpperCase()}`);
}

function writes(experiment: ExperimentReport): string {
  const counts = experiment.ledger?.counts;
  if (!counts) return '';
  const extras = [
    counts.acknowledgedWeak > 0 ? `${formatCount(counts.acknowledgedWeak)} weakly acknowledged` : '',
    counts.lostWeak > 0 ? `${formatCount(counts.lostWeak)} of those lost` : '',
    counts.unknown > 0 ? `${formatCount(counts.unknown)} unknown (${formatCount(counts.recovered)} found)` : '',
    counts.unexpected > 0 ? `${formatCount(counts.unexpected)} unexpected` : '',
    counts.duplicated > 0 ? `${formatCount(counts.duplicated)} duplicated` : '',
    counts.corrupted > 0 ? `${formatCount(counts.corrupted)} corrupted` : '',
    counts.phantomFail > 0 ? `${formatCount(counts.phantomFail)} failed but there` : '',
    counts.dropped > 0 ? `${formatCount(counts.dropped)} never sent` : '',
  ].filter((extra) => extra !== '');
  const bound = experiment.acceptedLoss;
  const accepted =
    bound === undefined
      ? ''
      : ` (accepted: ${formatCount(bound.writes)}${bound.windowMs === undefined ? '' : ` from the last ${formatMs(bound.windowMs)}`})`;
  return [
    `${formatCount(counts.acknowledged)} acknowledged`,
    `${formatCount(counts.lost)} lost${accepted}`,
    ...extras,
  ].join(', ');
}

function numbers(run: Metrics): string {
  const change =
    run.primaryBefore && run.primaryAfter && run.promotions > 0 ? ` ${run.primaryBefore} → ${run.primaryAfter}` : '';
  return [
    run.recoveryMs === undefined ? '' : `writes back after ${formatMs(run.recoveryMs)}`,
    run.writeGapMs === undefined ? '' : `write gap ${formatMs(run.writeGapMs)}`,
    run.promotedMs === undefined ? '' : `promoted after ${formatMs(run.promotedMs)}`,
    run.convergedMs === undefined ? '' : `healthy after ${formatMs(run.convergedMs)}`,
    `${plural(run.promotions, 'promotion')}${change}`,
    run.uncertain.length > 0 ? `uncertain: ${run.uncertain.join('; ')}` : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function renderPhases(phases: readonly PhaseSpan[]): string {
  return phases
    .map((span) => `${span.phase} ${span.endMs === undefined ? '…' : formatMs(span.endMs - span.startMs)}`)
    .join(' → ');
}

const metricNames: Record<Spread['metric'], string> = {
  recoveryMs: 'writes back after',
  writeGapMs: 'write gap',
  convergedMs: 'healthy after',
};

function renderSpread({ metric, count, min, median, max }: Spread): string {
  return `   ${metricNames[metric].padEnd(18)}${[min, median, max].map(formatMs).join(' · ')} (${count} runs)`;
}

function renderTotals(report: Report, paint: Paint): string {
  const { asExpected, ...verdicts } = report.totals;
  const parts = Object.entries(verdicts)
    .filter(([, count]) => count > 0)
    .map(([verdict, count]) => paint(verdictStyles[verdict as ReportVerdict].style, `${count} ${verdict}`));
  if (asExpected > 0) parts.push(paint('green', `${plural(asExpected, 'control')} red as expected`));
  return parts.length > 0 ? parts.join(', ') : 'no experiment ran';
}

function describeCluster(cluster: NonNullable<Report['run']['cluster']>): string {
  return [`cluster ${cluster.provider}`, cluster.kubernetesVersion ? `Kubernetes ${cluster.kubernetesVersion}` : '']
    .filter((part) => part !== '')
    .join(', ');
}
