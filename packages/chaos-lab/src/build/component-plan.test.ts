import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ComponentFileError } from './component-file.ts';
import { planComponents } from './component-plan.ts';
import { componentOf, imageNames } from './types.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'components-'));
  await component('base', 'kind: debian\nsuite: trixie\nvariant: apt\npackages: [bash]\nhook: hook.sh');
  await component('tool', 'kind: c\nprograms: [{ source: a.c, output: a }]');
  await component('top', 'kind: image\nfrom: base\nfiles: [{ component: tool, file: a, to: a }]\nimage: { name: top }');
});
afterEach(() => rm(root, { recursive: true }));

async function component(name: string, text: string): Promise<void> {
  await mkdir(join(root, name), { recursive: true });
  await writeFile(join(root, name, 'component.yaml'), `title: ${name}\n${text}\n`);
}

async function keys(architecture: 'amd64' | 'arm64' = 'amd64'): Promise<Record<string, string>> {
  const planned = await planComponents(['top'], architecture, root);
  return Object.fromEntries(planned.map((it) => [it.component.name, it.key]));
}

test('inputs come first, and a second look gives the same keys', async () => {
  expect(Object.keys(await keys())).toEqual(['base', 'tool', 'top']);
  expect(await keys()).toEqual(await keys());
});

test('a change of an input changes its key and that of what is made of it, and no other', async () => {
  const before = await keys();
  await writeFile(join(root, 'tool', 'a.c'), 'int main;');
  const after = await keys();
  expect(after['base']).toBe(before['base']);
  expect(after['tool']).not.toBe(before['tool']);
  expect(after['top']).not.toBe(before['top']);
});

test('a change above leaves the inputs alone', async () => {
  const before = await keys();
  await component('top', 'kind: image\nfrom: base\nimage: { name: top }');
  expect(await keys()).toMatchObject({ base: before['base'] });
  expect((await keys())['top']).not.toBe(before['top']);
});

test('another architecture has other keys throughout', async () => {
  const [amd64, arm64] = [await keys('amd64'), await keys('arm64')];
  for (const name of Object.keys(amd64)) expect(arm64[name]).not.toBe(amd64[name]);
});

test('errors name the file and the field', async () => {
  await component('base', 'kind: debian\nsuite: trixie\nvariant: small\npackages: [bash]\nhook: hook.sh');
  const error = await keys().catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ComponentFileError);
  expect(String(error)).toContain(join('base', 'component.yaml'));
  expect(String(error)).toContain('variant');
});

test('a component that is not there and a circle are errors', async () => {
  await component('top', 'kind: image\nfrom: nowhere');
  await expect(keys()).rejects.toThrow(join('nowhere', 'component.yaml'));
  await component('top', 'kind: image\nfrom: base\nfiles: [{ component: top, file: a, to: a }]');
  await expect(keys()).rejects.toThrow('top → top');
});

test('the components of this package are well formed', async () => {
  const planned = await planComponents(imageNames.map(componentOf), 'amd64');
  expect(planned.length).toBeGreaterThan(imageNames.length);
});
