import { setTimeout as sleep } from 'node:timers/promises';
import { test } from '@cnpg-chaos/chaos-kit/vitest';
import { familiesNamed } from '../families.ts';
import { tell } from './cell-files.ts';

const { SAFETY_FOLDER: folder = '', SAFETY_FAMILIES: names = '' } = process.env;

// Everything is put in force, then the process waits to be ended from outside.
test.override('workload', 'none');

test('waits to be ended', { timeout: 300_000 }, async ({ chaos }) => {
  tell(folder, { type: 'worker', pid: process.pid });
  for (const family of familiesNamed(names.split(',').filter((name) => name !== ''))) {
    const active = await chaos.inject(family.fault, { ...family.options, engine: family.engine });
    const { name } = family;
    tell(folder, { type: 'injected', family: name, scenario: '', faultId: active.id, effect: active.evidence.what });
  }
  tell(folder, { type: 'ready' });
  await sleep(240_000);
});
