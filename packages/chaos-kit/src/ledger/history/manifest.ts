import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ResolvedLedgerOptions } from '../options.ts';
import { HISTORY_FILES, HISTORY_FORMAT } from './format.ts';
import { HistoryError } from './history-error.ts';

const FORMAT = 'cnpg-chaos ledger history';

const settings = z.object({ synchronousCommit: z.string(), synchronousStandbyNames: z.string(), fsync: z.string() });

/** Options of a run as they are stored and sent. */
export const resolvedOptions = z.object({
  writers: z.number().int().min(1).max(256),
  rate: z.union([z.number(), z.literal('closed')]),
  // histories of before there were batches do without
  batch: z.number().int().min(1).max(1000).default(1),
  payloadBytes: z.number().int().min(1).max(65_536),
  table: z.string(),
  keepTable: z.enum(['always', 'on-failure', 'never']),
  expectSync: z.boolean(),
  opTimeoutMs: z.number(),
  connectTimeoutMs: z.number(),
  maxBacklogMs: z.number(),
  maxSessions: z.number(),
  startTimeoutMs: z.number(),
  seed: z.number().int(),
  applicationName: z.string(),
}) satisfies z.ZodType<ResolvedLedgerOptions>;

const manifest = z.object({
  format: z.literal(FORMAT),
  version: z.literal(HISTORY_FORMAT.version),
  /** Begin of the run by the wall clock, in ISO form. */
  startedAt: z.string(),
  options: resolvedOptions,
  /** How the clock of the writers was tied to that of the run: the same one, or to within so many ms. */
  clock: z.object({ shared: z.boolean(), uncertaintyMs: z.number() }).optional(),
  versions: z.object({ node: z.string(), server: z.number().optional() }),
  systemIdentifier: z.string().optional(),
  /** Durability settings that were seen, by the hash that each acknowledgement carries. */
  durability: z.record(z.string(), settings),
  /** What the caller wanted to be kept with the run: experiment, cluster. */
  about: z.record(z.string(), z.unknown()).optional(),
});

/** `run.json`: what a history is about, for people and for verifying it. */
export type RunManifest = z.infer<typeof manifest>;

/** The manifest of a run that begins. */
export function newManifest(o: {
  options: ResolvedLedgerOptions;
  startedAt: Date;
  node: string;
  clock?: RunManifest['clock'];
  about?: Record<string, unknown> | undefined;
}): RunManifest {
  return {
    format: FORMAT,
    version: HISTORY_FORMAT.version,
    startedAt: o.startedAt.toISOString(),
    options: o.options,
    ...(o.clock === undefined ? {} : { clock: o.clock }),
    versions: { node: o.node },
    durability: {},
    ...(o.about === undefined ? {} : { about: o.about }),
  };
}

/** Writes it, whole or not at all. Throws the system's error. */
export function writeManifest(dir: string, content: RunManifest): void {
  const path = join(dir, HISTORY_FILES.manifest);
  const fd = openSync(`${path}.part`, 'w');
  try {
    writeSync(fd, `${JSON.stringify(content, undefined, 2)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.part`, path);
}

/** Reads and checks it. @throws HistoryError that names the file and the first field that is wrong. */
export function readManifest(dir: string): RunManifest {
  const path = join(dir, HISTORY_FILES.manifest);
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HistoryError(path, undefined, `is no manifest of a history: ${why}`, { cause });
  }
  const parsed = manifest.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new HistoryError(
    path,
    undefined,
    `is no manifest of a history: ${field === '' ? '' : `"${field}": `}${issue?.message}`,
  );
}
