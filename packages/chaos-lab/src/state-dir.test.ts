import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { labsDir, newRecord, StateDir } from './state-dir.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'lab-state-'));
  vi.stubEnv('XDG_STATE_HOME', home);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true });
});

test('the state is the host’s, not the checkout’s', () => {
  expect(new StateDir('one').path).toBe(join(home, 'cnpg-chaos', 'labs', 'one'));
  vi.stubEnv('XDG_STATE_HOME', '');
  vi.stubEnv('HOME', '/home/somebody');
  expect(labsDir()).toBe('/home/somebody/.local/state/cnpg-chaos/labs');
});

test('a record is read back as it was written, by its owner only', async () => {
  const state = new StateDir('one');
  const record = { ...newRecord('one'), kubeSystemUid: 'u', nodes: { w1: { containerId: 'c', key: 'k' } } };
  await state.writeRecord(record);
  expect(await state.readRecord()).toEqual(record);
  expect((await stat(join(state.path, 'record.json'))).mode & 0o777).toBe(0o600);
});

test.each(['{', '{"version":2}', '[]', ''])('a record that cannot be understood counts as none: %s', async (text) => {
  const state = new StateDir('one');
  await state.create();
  await writeFile(join(state.path, 'record.json'), text);
  expect(await state.readRecord()).toBeUndefined();
});

test('nothing is there before a lab is, and nothing is left after it', async () => {
  const state = new StateDir('one');
  expect(await state.readRecord()).toBeUndefined();
  expect(await state.readPki()).toBeUndefined();
  expect(await state.readKubeconfig()).toBeUndefined();
  await state.writeKubeconfig('x');
  await state.remove();
  await expect(stat(state.path)).rejects.toThrow('ENOENT');
});
