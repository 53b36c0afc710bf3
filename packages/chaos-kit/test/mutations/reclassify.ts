import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BLANK, HISTORY_FILES, HISTORY_FORMAT, RECORD_CODES, RecordBlock } from '../../src/ledger/history/format.ts';
import type { RecordKind } from '../../src/ledger/history/format.ts';

/** Rewrites a stored history as a classifier that takes one outcome for another would have written it. */
export function reclassify(dir: string, from: RecordKind, to: RecordKind): void {
  const { headerBytes, recordBytes } = HISTORY_FORMAT;
  const path = join(dir, HISTORY_FILES.records);
  const bytes = readFileSync(path);
  const block = new RecordBlock(1);
  const record = { ...BLANK };
  for (let index = 0; headerBytes + (index + 1) * recordBytes <= bytes.length; index++) {
    const at = headerBytes + index * recordBytes;
    block.bytes.set(bytes.subarray(at, at + recordBytes));
    if (!block.valid(0, index)) throw new Error(`record ${index} of ${path} is not valid`);
    block.get(0, record);
    if (record.kind !== from) continue;
    const { atMs, lsn, seq, serviceMs, queueMs, ref, writer, origin } = record;
    block.put(0, index, RECORD_CODES[to], atMs, lsn, seq, serviceMs, queueMs, ref, writer, origin);
    bytes.set(block.bytes, at);
  }
  writeFileSync(path, bytes);
}
