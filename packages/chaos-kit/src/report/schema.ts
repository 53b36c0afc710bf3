import { z } from 'zod';

/** Version of the `report.json` layout. It goes up when a field changes its meaning or disappears, never for a new optional field. */
export const reportVersion = 1;

/**
 * Outcome of one experiment.
 * `unhealed` a fault could not be undone and may still be there ·
 * `pass` everything claimed was proven · `fail` something claimed was refuted · `inconclusive` nothing was proven either way
 * (no fault evidence, no acknowledged writes, a claim the durability settings do not allow) · `aborted` stopped before the end ·
 * `xfail`/`xpass` a known upstream defect that was expected and did / did not show.
 */
export const verdictSchema = z.enum(['pass', 'unhealed', 'fail', 'inconclusive', 'aborted', 'xfail', 'xpass']);

/** Phases of an experiment, in order. */
export const phaseSchema = z.enum([
  'preflight',
  'steady-state',
  'baseline',
  'inject',
  'hold',
  'heal',
  'recover',
  'verify',
]);

/** One thing that happened. `atMs` counts from the start of the experiment on the runner's monotonic clock. */
export const timelineEntrySchema = z.object({
  atMs: z.number(),
  phase: phaseSchema,
  what: z.string(),
  data: z.record(z.string(), z.unknown()).optional(),
});

/** A phase as an interval of the experiment's clock, in ms. `endMs` is missing when the run stopped inside the phase. */
export const phaseSpanSchema = z.object({
  phase: phaseSchema,
  startMs: z.number(),
  endMs: z.number().optional(),
});

/** One injected fault: who broke what, and what was seen of it. Times count from the start of the experiment, in ms. */
export const faultReportSchema = z.object({
  id: z.string(),
  fault: z.string(),
  engine: z.string(),
  options: z.record(z.string(), z.unknown()),
  /** What was hit, by the UID that was resolved when the fault fired. */
  targets: z.array(
    z.object({
      kind: z.string(),
      role: z.string(),
      namespace: z.string().optional(),
      name: z.string(),
      uid: z.string(),
    }),
  ),
  /** When the engine was told to act. Missing: it never was. */
  injectedAtMs: z.number().optional(),
  /** What was seen, without asking the engine, of the fault being in force. Missing: nothing was. */
  effect: z.object({ what: z.string(), atMs: z.number() }).optional(),
  /** What was seen of the fault being gone. Missing: nothing was. */
  healing: z.object({ what: z.string(), atMs: z.number() }).optional(),
});

/** Counts of the write ledger, in writes. */
export const writeCountsSchema = z.object({
  /** Writes that were given a number; the sum of the next four. */
  attempted: z.number().int(),
  acknowledged: z.number().int(),
  /** Acknowledged after the wait for a standby had been cancelled. */
  acknowledgedWeak: z.number().int(),
  failed: z.number().int(),
  unknown: z.number().int(),
  /** Due, but no writer was free for too long. */
  dropped: z.number().int(),
  /** Attempted writes that are there. */
  present: z.number().int(),
  /** Acknowledged, but not there. */
  lost: z.number().int(),
  lostWeak: z.number().int(),
  /** Rows that nobody attempted to write. */
  unexpected: z.number().int(),
  /** Surplus copies of rows. */
  duplicated: z.number().int(),
  /** Rows with another payload than was written. */
  corrupted: z.number().int(),
  /** Reported as failed, but there. */
  phantomFail: z.number().int(),
  /** Unknown, but there. */
  recovered: z.number().int(),
});

const ledgerVerdictSchema = z.enum(['pass', 'fail', 'inconclusive']);

/** What one checker said of the run. */
export const checkSchema = z.object({
  checker: z.string(),
  /** Whether it is about acknowledged writes that are gone, or about what no failover may do. */
  about: z.enum(['loss', 'integrity']),
  /** `unknown` could not look, and has no weight. */
  verdict: z.enum(['pass', 'fail', 'inconclusive', 'unknown']),
  count: z.number().int(),
  /** What it looked at. */
  looked: z.string(),
  /** What it found, in words. */
  sentences: z.array(z.string()),
});

/** What the ledger found at the end. */
export const ledgerReportSchema = z.object({
  /** About loss of acknowledged writes: `pass` needs durability settings that allow the claim. */
  verdict: ledgerVerdictSchema,
  /** About everything else: foreign, duplicated, corrupted rows, failed writes that are there. */
  integrity: ledgerVerdictSchema,
  reasons: z.array(z.string()),
  counts: writeCountsSchema,
  /** The first 100 lost writes, in the order of their acknowledgement (`ackedAtMs` from the start of the experiment). */
  lost: z.array(
    z.object({
      writer: z.number().int(),
      seq: z.number().int(),
      outcome: z.enum(['ok', 'ok-weak']),
      ackedAtMs: z.number(),
      server: z.string(),
      timeline: z.number().int(),
    }),
  ),
  /** May "no acknowledged write was lost" be claimed with the durability settings that were in force? */
  zeroLossClaim: z.object({ allowed: z.boolean(), reason: z.string() }),
  /** Durability settings, and how many writes were acknowledged under each. */
  durability: z.array(
    z.object({
      synchronousCommit: z.string(),
      synchronousStandbyNames: z.string(),
      fsync: z.string(),
      acknowledged: z.number().int(),
    }),
  ),
  /** Why writes failed or stayed unknown, most frequent first, at most 10. */
  failures: z.array(z.object({ reason: z.string(), count: z.number().int() })),
  /** PostgreSQL timelines that acknowledged writes. */
  timelines: z.array(z.number().int()),
  notes: z.array(z.string()),
  /** Every checker with its answer. Missing: the report is of an older version of this package. */
  checks: z.array(checkSchema).optional(),
  /** Directory of the history, relative to where the run was started; `chaos-kit verify` judges it again. */
  history: z.string().optional(),
});

/** Loss that the spec accepted, for profiles that cannot promise none. */
export const acceptedLossSchema = z.object({ writes: z.number().int(), windowMs: z.number().optional() });

/** Numbers of one `withX`, from the fault on. A missing one was not measured, which is not the same as zero. */
export const metricsSchema = z.object({
  faultIds: z.array(z.string()),
  /** Until the operator showed that it noticed. */
  detectedMs: z.number().optional(),
  /** Until another instance reported itself as primary. */
  promotedMs: z.number().optional(),
  /** Until the first acknowledgement of a write that was sent after the fault and after which writes kept flowing. */
  recoveryMs: z.number().optional(),
  /** Longest time without an acknowledgement. */
  writeGapMs: z.number().optional(),
  /** The write gap is not known better than this. */
  writeGapResolutionMs: z.number().optional(),
  /** Until the cluster was healthy by every measure. */
  convergedMs: z.number().optional(),
  promotions: z.number().int(),
  primaryBefore: z.string().optional(),
  primaryAfter: z.string().optional(),
  /** Why a number cannot be trusted. */
  uncertain: z.array(z.string()),
});

/** Something that keeps an experiment from passing. */
export const findingSchema = z.object({
  verdict: z.enum(['unhealed', 'fail', 'inconclusive', 'aborted']),
  /** Where it comes from, such as `ledger`, `evidence`, `heal` or `spec`. */
  source: z.string(),
  reason: z.string(),
  /** It is what a known defect is expected to cause. */
  excused: z.boolean().optional(),
});

/** One experiment: one run of one spec against one cluster. */
export const experimentReportSchema = z.object({
  id: z.string(),
  /** Full name of the spec, suites joined by ` > `. */
  name: z.string(),
  file: z.string(),
  tags: z.array(z.string()),
  profile: z.string(),
  engine: z.string(),
  /** Seed of this experiment, derived from the run's seed and the name of the spec. */
  seed: z.number().int(),
  cluster: z.object({ namespace: z.string(), name: z.string() }).optional(),
  startedAt: z.iso.datetime(),
  durationMs: z.number(),
  /** The true verdict, whatever was expected. */
  verdict: verdictSchema,
  /** For controls: the verdict that the spec says must come out, and whether it did. */
  expected: z.object({ verdict: verdictSchema, reason: z.string(), met: z.boolean() }).optional(),
  /** A known upstream defect that the spec expects to see. */
  knownDefect: z.object({ issue: z.string(), until: z.string().optional(), reason: z.string() }).optional(),
  findings: z.array(findingSchema),
  faults: z.array(faultReportSchema),
  runs: z.array(metricsSchema),
  ledger: ledgerReportSchema.optional(),
  acceptedLoss: acceptedLossSchema.optional(),
  phases: z.array(phaseSpanSchema),
  timeline: z.array(timelineEntrySchema),
});

/** Facts about the run that all its experiments share. */
export const runReportSchema = z.object({
  id: z.string(),
  /** Give it back with `CNPG_CHAOS_SEED` to repeat the random choices of the run. */
  seed: z.number().int(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  durationMs: z.number(),
  /** A signal or a cancel stopped the run before its end. */
  interrupted: z.boolean(),
  node: z.string(),
  cluster: z
    .object({
      provider: z.string(),
      server: z.string().optional(),
      kubeSystemUid: z.string().optional(),
      kubernetesVersion: z.string().optional(),
    })
    .optional(),
});

/** How an experiment ended that ran more than once. */
export const repeatSchema = z.object({
  name: z.string(),
  file: z.string(),
  profile: z.string(),
  engine: z.string(),
  runs: z.number().int(),
  passed: z.number().int(),
  failed: z.number().int(),
  /** Inconclusive or aborted. */
  unproven: z.number().int(),
  /** Without a failure in n runs that proved something: 3/n, with 95 % confidence. Missing up to three of them. */
  failureRateAtMost: z.number().optional(),
});

/** The whole `report.json`. */
export const reportSchema = z.object({
  schema: z.literal('cnpg-chaos/report'),
  version: z.literal(reportVersion),
  run: runReportSchema,
  /** Experiments by verdict; `asExpected` are controls that came out red on purpose, and count nowhere else. */
  totals: z.record(z.enum([...verdictSchema.options, 'asExpected']), z.number().int()),
  experiments: z.array(experimentReportSchema),
  /** Experiments that ran more than once. */
  repeats: z.array(repeatSchema).optional(),
});

export type ReportVerdict = z.infer<typeof verdictSchema>;
export type ReportPhase = z.infer<typeof phaseSchema>;
export type TimelineEntry = z.infer<typeof timelineEntrySchema>;
export type PhaseSpan = z.infer<typeof phaseSpanSchema>;
export type FaultReport = z.infer<typeof faultReportSchema>;
export type Finding = z.infer<typeof findingSchema>;
export type AcceptedLoss = z.infer<typeof acceptedLossSchema>;
export type WriteCounts = z.infer<typeof writeCountsSchema>;
export type CheckReport = z.infer<typeof checkSchema>;
export type LedgerReport = z.infer<typeof ledgerReportSchema>;
export type Metrics = z.infer<typeof metricsSchema>;
export type ExperimentReport = z.infer<typeof experimentReportSchema>;
export type RepeatReport = z.infer<typeof repeatSchema>;
export type RunReport = z.infer<typeof runReportSchema>;
export type Report = z.infer<typeof reportSchema>;

/** Thrown when a file that should be a report is none. `message` lists each field that is wrong. */
export class InvalidReportError extends Error {
  override readonly name = 'InvalidReportError';
  readonly code = 'INVALID_REPORT';
}

/**
 * Reads a `report.json`.
 * @param text The file's content.
 * @throws {InvalidReportError} when it is no JSON or does not follow the schema.
 */
export function parseReport(text: string): Report {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InvalidReportError('report.json is no JSON', { cause });
  }
  const result = reportSchema.safeParse(value);
  if (!result.success) {
    throw new InvalidReportError(`report.json does not follow the schema:\n${z.prettifyError(result.error)}`, {
      cause: result.error,
    });
  }
  return result.data;
}
