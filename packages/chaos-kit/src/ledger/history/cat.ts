import { join } from 'node:path';
import { formatPosition } from '../lsn.ts';
import { HISTORY_FILES } from './format.ts';
import type { HistoryRecord } from './format.ts';
import { RecordReader } from './record-reader.ts';
import type { StoredRun } from './replay.ts';
import { readSideFile } from './side-file.ts';
import type { SideLine } from './side-file.ts';

/** A record with the fields that mean something for its kind, for people and scripts. */
export type PlainRecord = Readonly<Record<string, unknown>> & {
  readonly kind: HistoryRecord['kind'];
  readonly atMs: number;
};

/**
 * Hands every record of a history to `visit`, with what it refers to in place. `atMs` counts from the begin of the run.
 * @throws HistoryError
 */
export function eachRecord(
  dir: string,
  visit: (record: PlainRecord) => void,
): Pick<StoredRun, 'header' | 'state' | 'records' | 'cutBytes'> {
  const lines = readSideFile(join(dir, HISTORY_FILES.strings));
  using reader = RecordReader.open(dir);
  const { header, state } = reader;
  reader.read((it) => {
    visit({ kind: it.kind, atMs: round(it.atMs - header.startedAtMs), ...fieldsOf(it, lines[it.ref]) });
    return undefined;
  });
  reader.assertTornEnd();
  return { header, state, records: reader.index, cutBytes: reader.cutBytes };
}

function fieldsOf(it: HistoryRecord, line: SideLine | undefined): Record<string, unknown> {
  const { writer, seq, origin } = it;
  switch (it.kind) {
    case 'invoke':
      return it.ref === 0 ? { writer, seq } : { writer, seq, count: it.ref + 1 };
    case 'ok':
    case 'ok-weak':
      return { writer, seq, ...timesOf(it), origin, lsn: formatPosition(it.lsn), durability: it.ref };
    case 'fail':
    case 'info':
      return { writer, seq, ...timesOf(it), reason: line?.kind === 'text' ? line.text : undefined };
    case 'reserve':
      return { writer, below: seq };
    case 'connected':
      return { writer, epoch: seq, ...(line?.kind === 'facts' ? line.facts : {}) };
    case 'settings':
      return line?.kind === 'facts' ? { ...line.facts } : {};
    case 'connect-failed':
      return {};
    case 'standbys':
      return { streaming: seq, synchronous: origin };
    case 'origin':
      return { origin, ...(line?.kind === 'origin' ? { server: line.server, timeline: line.timeline } : {}) };
    case 'tombstone':
      return { seq };
    case 'dropped':
      return { count: seq };
    case 'stall':
      return { lengthMs: round(it.serviceMs) };
    case 'doubt':
      return { reason: line?.kind === 'text' ? line.text : undefined };
  }
}

function timesOf({ serviceMs, queueMs }: HistoryRecord) {
  return { serviceMs: round(serviceMs), queueMs: round(queueMs) };
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
