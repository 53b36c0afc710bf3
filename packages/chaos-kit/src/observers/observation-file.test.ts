import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { OBSERVATIONS_FILE, ObservationWriter, readObservations } from './observation-file.ts';
import type { FaultObservation, ReadObservation } from './observation.ts';

const scratch = mkdtempSync(join(tmpdir(), 'observations-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function fresh(name: string): string {
  const dir = join(scratch, name);
  mkdirSync(dir);
  return dir;
}

const read: ReadObservation = {
  kind: 'read',
  from: 'rw',
  session: 1,
  openedMs: 5,
  startMs: 10,
  endMs: 12,
  server: '10.0.0.1:5432',
  postmaster: 'noon',
  recovering: false,
  timeline: 1,
  above: [-1, 4],
  runs: [
    [0, 0, 7],
    [1, 5, 5],
  ],
};
const fault: FaultObservation = { kind: 'fault', what: 'pod-killed', atMs: 30, effectAtMs: 40 };

test('what was written is read back, by its kind', () => {
  const dir = fresh('whole');
  {
    using writer = new ObservationWriter(dir);
    writer.write(read);
    writer.write(fault);
  }
  expect(readObservations(dir)).toMatchObject({ reads: [read], faults: [fault], probes: [], cutBytes: 0 });
});

test('nothing was observed where there is no file', () => {
  expect(readObservations(fresh('none'))).toBeUndefined();
});

test('a line that a crash cut off is left out', () => {
  const dir = fresh('torn');
  {
    using writer = new ObservationWriter(dir);
    writer.write(read);
  }
  appendFileSync(join(dir, OBSERVATIONS_FILE), '{"kind":"fau');
  expect(readObservations(dir)).toMatchObject({ reads: [read], faults: [], cutBytes: 12 });
});

test('another process goes on in the same file, and its times are moved to the first clock', () => {
  const dir = fresh('twice');
  {
    using writer = new ObservationWriter(dir, { startedAt: 0, startedAtMs: 100, bootMs: 5100 });
    writer.write(fault);
  }
  {
    using writer = new ObservationWriter(dir, { startedAt: 0, startedAtMs: 20, bootMs: 7020 });
    writer.write(fault);
  }
  expect(readObservations(dir)?.faults).toEqual([fault, { ...fault, atMs: 2030, effectAtMs: 2040 }]);
});

test.each([
  ['no JSON', '{"kind":"begin"\\n', 'line 1 is no observation: it is no JSON'],
  ['another kind', '{"kind":"poem"}\\n', 'line 1 is no observation: "kind"'],
  ['no begin', `${JSON.stringify(fault)}\\n`, 'line 1 is about "fault"; it must be about "begin"'],
])('%s is refused with its line', (name, text, message) => {
  const dir = fresh(name);
  writeFileSync(join(dir, OBSERVATIONS_FILE), text.replace('\\n', '\n'));
  expect(() => readObservations(dir)).toThrow(message);
});

test('a directory that is gone is a problem to be told, not an error in the middle of a run', () => {
  using writer = new ObservationWriter(join(scratch, 'gone'));
  writer.write(fault);
  expect(writer.problem).toContain('ENOENT');
});
