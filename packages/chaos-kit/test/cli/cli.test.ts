import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const bin = fileURLToPath(new URL('../../bin/chaos-kit.js', import.meta.url));
const golden = fileURLToPath(new URL('../ledger/golden/', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'cli-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function chaosKit(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    encoding: 'utf8',
    env: { ...process.env, XDG_STATE_HOME: scratch },
  });
  return { status, stdout, stderr };
}

test.each([
  ['clean', 0, 'pass\n'],
  ['killed', 0, 'pass\n'],
  ['hole', 1, 'fail\n  2 acknowledged writes are lost\n'],
  ['no-read', 3, 'inconclusive\n  no final read was kept'],
])('verify of "%s" ends with %d', (name, code, begin) => {
  const { status, stdout, stderr } = chaosKit('verify', join(golden, name));
  expect(stderr).toBe('');
  expect(stdout.startsWith(begin)).toBe(true);
  expect(status).toBe(code);
});

test('verify of a file checks transactions', () => {
  const file = fileURLToPath(new URL('../transactions/golden/list-append-write-skew.jsonl', import.meta.url));
  const { status, stdout } = chaosKit('verify', file);
  expect(stdout).toMatch(/^fail\n {2}G2-item: T0 → T1 → T0, which is no order/);
  expect(stdout).toContain('list-append at repeatable read, held to serializable\n');
  expect(status).toBe(1);
  const refused = chaosKit('verify', file, '--server', 'postgres://app@localhost/app');
  expect(refused.stderr).toContain('--server is for a run of the ledger');
  expect(refused.status).toBe(2);
  expect(JSON.parse(chaosKit('verify', file, '--json').stdout)).toMatchObject({
    verdict: 'fail',
    workload: 'list-append',
  });
});

test('verify --json prints all of it', () => {
  const { status, stdout } = chaosKit('verify', '--json', join(golden, 'lost'));
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    verdict: 'fail',
    integrity: 'pass',
    state: 'closed',
    seed: 4,
    counts: { lost: 4 },
    lost: [{ writer: 0, seq: 12 }, {}, {}, {}],
    checks: expect.arrayContaining([
      expect.objectContaining({ checker: 'lost', verdict: 'fail', count: 4, looked: '60 acknowledged writes' }),
      expect.objectContaining({ checker: 'beyond-fork', verdict: 'fail', count: 4 }),
    ]) as unknown,
  });
});

test('ledger cat prints one JSON object per record', () => {
  const { status, stdout } = chaosKit('ledger', 'cat', join(golden, 'clean'));
  expect(status).toBe(0);
  const records = stdout
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  expect(records).toHaveLength(129);
  expect(records.at(-1)).toEqual({ kind: 'tombstone', atMs: 1000, seq: 0 });
  expect(records).toContainEqual({
    kind: 'ok',
    atMs: 3,
    writer: 1,
    seq: 0,
    serviceMs: 1,
    queueMs: 0.25,
    origin: 0,
    lsn: '0/30000B0',
    durability: 11,
  });
});

test.each([
  [['verify'], 'verify needs one directory with a stored run, not 0'],
  [['verify', 'a', 'b'], 'not 2'],
  [['verify', 'a', '--instance', 'postgres://a:b@c/d'], '--instance needs a --server'],
  [['verify', join(golden, 'clean'), '--server', 'localhost'], "'localhost' is no server"],
  [['ledger', 'cat'], 'ledger cat needs one directory'],
  [['ledger', 'dog'], "unknown command 'ledger dog'"],
  [['verify', '--yaml', 'a'], "Unknown option '--yaml'"],
  [['sweep', 'now'], 'sweep takes no arguments'],
  [['sweep', '--force'], "Unknown option '--force'"],
  [['stop', 'a', 'b'], 'stop takes one run, not 2'],
  [['stop', 'nobody'], "0 runs that are going on begin with 'nobody'"],
  [['stop', '--wait', '5m'], '--wait: got "5m", expected a number of seconds'],
  [[], 'npx chaos-kit verify <dir>'],
  [['verify', '/nowhere'], '/nowhere/run.json: is no manifest of a history: ENOENT'],
])('%j ends with 2 and says what is wrong', (args, message) => {
  const { status, stdout, stderr } = chaosKit(...args);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('    at ');
  expect(stdout).toBe('');
  expect(status).toBe(2);
});

test('a truncated history names file and offset', () => {
  const dir = join(scratch, 'short');
  cpSync(join(golden, 'clean'), dir, { recursive: true });
  truncateSync(join(dir, 'history.bin'), 50);
  const { status, stderr } = chaosKit('verify', dir);
  expect(status).toBe(2);
  expect(stderr).toBe(`${join(dir, 'history.bin')} at byte 50: ends inside its header of 64 bytes\n`);
});

test('stop without a run that is going on says so', () => {
  expect(chaosKit('stop')).toEqual({ status: 0, stdout: 'no run is going on\n', stderr: '' });
});

test.each([['--help'], ['help'], ['help', 'verify'], ['verify', '-h']])(
  '%j is no error and tells every command',
  (...args) => {
    const { status, stdout, stderr } = chaosKit(...args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const name of ['verify', 'ledger cat', 'sweep', 'stop']) expect(stdout).toContain(`npx chaos-kit ${name}`);
  },
);
