import { z } from 'zod';

/** Version of the layout of `observations.jsonl`. */
export const OBSERVATIONS_VERSION = 1;

const begin = z.object({
  kind: z.literal('begin'),
  version: z.literal(OBSERVATIONS_VERSION),
  /** Begin by the wall clock, ms since 1970; the same moment on `performance.now()` and on the monotonic clock that all processes of a machine share. */
  startedAt: z.number(),
  startedAtMs: z.number(),
  bootMs: z.number(),
});

/** `[writer, first, last]`: the rows of a writer from one number to another, both there. */
const run = z.tuple([z.number().int(), z.number().int(), z.number().int()]);

const read = z.object({
  kind: z.literal('read'),
  /** Through which route. */
  from: z.enum(['rw', 'ro']),
  /** Number of the session that read. */
  session: z.number().int(),
  /** When that session began to connect. */
  openedMs: z.number(),
  /** The snapshot was taken between these two. */
  startMs: z.number(),
  endMs: z.number(),
  server: z.string(),
  /** When its postmaster started, as it says: tells one life of a server from the next. */
  postmaster: z.string(),
  recovering: z.boolean(),
  timeline: z.number().int().optional(),
  /** Per writer: all rows with a higher number were asked for, and no others. */
  above: z.array(z.number().int()),
  /** What was there, by writer and number. */
  runs: z.array(run),
});

const probe = z.object({
  kind: z.literal('probe'),
  instance: z.string(),
  session: z.number().int(),
  startMs: z.number(),
  endMs: z.number(),
  server: z.string(),
  postmaster: z.string(),
  recovering: z.boolean(),
  /** `transaction_read_only` of an ordinary transaction. */
  readOnly: z.boolean(),
  timeline: z.number().int().optional(),
  /** Write position of a primary, replay position of a standby, in bytes. */
  lsn: z.number(),
  synchronousCommit: z.string(),
  synchronousStandbyNames: z.string(),
  /** Pages with a wrong check sum since the statistics of the server began; missing when it keeps no check sums. */
  checksumFailures: z.number().int().optional(),
});

const blind = z.object({
  kind: z.literal('blind'),
  /** `rw`, `ro`, `probe <instance>` or `cluster`. */
  observer: z.string(),
  fromMs: z.number(),
  toMs: z.number(),
  why: z.string(),
});

const instances = z.object({
  kind: z.literal('instances'),
  atMs: z.number(),
  instances: z.array(z.object({ name: z.string(), host: z.string(), port: z.number().int() })),
});

const change = z.object({
  kind: z.literal('cluster'),
  atMs: z.number(),
  what: z.string(),
  instance: z.string().optional(),
  uid: z.string().optional(),
  from: z.string().optional(),
  to: z.string().optional(),
  /** It was found after a time of blindness and happened earlier. */
  late: z.boolean(),
});

const fault = z.object({
  kind: z.literal('fault'),
  what: z.string(),
  /** When the engine was told to act, and when its effect was seen. */
  atMs: z.number(),
  effectAtMs: z.number().optional(),
});

/** `[writer, rows, lowest, highest, sum of hashes]` of the rows of one writer. */
const digest = z.array(z.tuple([z.number().int(), z.number().int(), z.number().int(), z.number().int(), z.string()]));
const problem = z.object({ problem: z.string() });

const examination = z.object({
  kind: z.literal('examination'),
  atMs: z.number(),
  /** WAL position of the primary up to which every instance has to be compared, in bytes; missing when there was no primary. */
  position: z.number().optional(),
  instances: z.array(
    z.object({
      name: z.string(),
      recovering: z.boolean().optional(),
      /** The rows as a sequential scan and as a scan by the index find them, up to at least `lsn`. */
      comparison: z.union([
        problem,
        z.object({ lsn: z.number(), sequential: digest, index: z.union([problem, digest]) }),
      ]),
      /** What amcheck says of how many objects. */
      amcheck: z.union([problem, z.object({ objects: z.number().int(), complaints: z.array(z.string()) })]),
    }),
  ),
});

const line = z.discriminatedUnion('kind', [begin, read, probe, blind, instances, change, fault, examination]);

/** First line of the file. */
export type BeginObservation = Readonly<z.infer<typeof begin>>;
/** One read of the table by a reader: what was there above some numbers at one moment. */
export type ReadObservation = Readonly<z.infer<typeof read>>;
/** What one instance said of itself. */
export type ProbeObservation = Readonly<z.infer<typeof probe>>;
/** A time in which an observer saw nothing. */
export type BlindObservation = Readonly<z.infer<typeof blind>>;
/** Which instances there are, and where. */
export type InstancesObservation = Readonly<z.infer<typeof instances>>;
/** A change of the cluster as Kubernetes tells it. */
export type ClusterObservation = Readonly<z.infer<typeof change>>;
/** Something that was broken on purpose. */
export type FaultObservation = Readonly<z.infer<typeof fault>>;

/** What every instance holds after the run, and whether its structures are sound. */
export type ExaminationObservation = Readonly<z.infer<typeof examination>>;
/** The rows of each writer in a few numbers. */
export type Digest = z.infer<typeof digest>;

/** One line of `observations.jsonl`. Times ending in `Ms` are `performance.now()` of the process that observed, in ms. */
export type Observation =
  | BeginObservation
  | ReadObservation
  | ProbeObservation
  | BlindObservation
  | InstancesObservation
  | ClusterObservation
  | FaultObservation
  | ExaminationObservation;

/** Reads one line. Returns what is wrong with it when it is no observation. */
export function parseObservation(text: string): Observation | { readonly wrong: string } {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return { wrong: 'it is no JSON' };
  }
  const parsed = line.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return { wrong: `"${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'not as it should be'}` };
}
