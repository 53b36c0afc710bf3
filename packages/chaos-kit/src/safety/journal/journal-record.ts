import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { engineNames, type Json } from '../../engines/engine.ts';

const json: z.ZodType<Json> = z.json();

const processIdentity = z.object({ pid: z.int().positive(), started: z.string().optional() });

const entrySchema = z.object({
  id: z.string(),
  engine: z.enum(engineNames),
  faultId: z.string(),
  kind: z.string(),
  data: z.record(z.string(), json),
  limitMs: z.number().optional(),
});

/** How a cluster is reached by a process that knows nothing else. */
export const accessSchema = z.object({
  /** Absolute path of a kubeconfig. */
  kubeconfig: z.string(),
  context: z.string().optional(),
  /** Name of the lab. Only for the lab. */
  labName: z.string().optional(),
  /** UID of its `kube-system` namespace: nothing is undone in another cluster that answers at the same address. */
  kubeSystemUid: z.string().optional(),
});

export type ClusterAccess = z.infer<typeof accessSchema>;

const headerSchema = z.object({
  version: z.literal(1),
  runId: z.string(),
  experiment: z.object({ id: z.string(), name: z.string() }),
  /** The process that injects and, as long as it lives, heals. */
  owner: processIdentity,
  /** Missing: the run was connected to no cluster. */
  access: accessSchema.optional(),
  cluster: z.object({ namespace: z.string(), name: z.string() }),
  operatorNamespace: z.string(),
  chaosMesh: z.object({ namespace: z.string(), faultNamespace: z.string().optional() }),
  /** Limit of an undo that brings none of its own, in milliseconds. */
  undoLimitMs: z.number().positive(),
});

/** Everything that another process needs to carry out the entries of a journal. */
export type JournalHeader = z.infer<typeof headerSchema>;

const recordSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('header'), header: headerSchema }),
  z.object({ type: z.literal('undo'), entry: entrySchema }),
  z.object({ type: z.literal('ended'), at: z.iso.datetime() }),
  z.object({ type: z.literal('closed'), entryId: z.string(), by: z.string(), at: z.iso.datetime() }),
]);

/** One line of a journal: what it is about, something to undo, that it was undone, or that its experiment has ended. */
export type JournalRecord = z.infer<typeof recordSchema>;

/** A record as its line: eight hex digits of CRC-32 over the JSON text, a space, the text. */
export function encodeRecord(record: JournalRecord): string {
  const text = JSON.stringify(record);
  return `${checksum(text)} ${text}\n`;
}

/** The record of a line without its end; undefined when the line is torn or damaged. */
export function decodeRecord(line: string): JournalRecord | undefined {
  const text = line.slice(9);
  if (line[8] !== ' ' || line.slice(0, 8) !== checksum(text)) return undefined;
  const result = recordSchema.safeParse(JSON.parse(text));
  return result.success ? result.data : undefined;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
