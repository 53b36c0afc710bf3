import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { npmFile } from './npm-file.ts';

async function installed(version: string): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'npm-file-'));
  onTestFinished(() => rm(root, { recursive: true }));
  const dir = join(root, 'node_modules', '@scope', 'thing');
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'package.json'), JSON.stringify({ name: '@scope/thing', version }));
  return join(root, 'x.js');
}

test('finds a file of the version that is asked for', async () => {
  const root = await installed('1.2.3');
  expect(await npmFile('@scope/thing@1.2.3', 'bin/it', root)).toMatch(/@scope\/thing\/bin\/it$/);
});

test('refuses another version, and a package that is not there', async () => {
  const root = await installed('1.2.4');
  await expect(npmFile('@scope/thing@1.2.3', 'bin/it', root)).rejects.toThrow(
    'package @scope/thing has version 1.2.4: npm install @scope/thing@1.2.3',
  );
  await expect(npmFile('other@1.0.0', 'bin/it', root)).rejects.toThrow('package other is not installed');
});
