import { readFile, readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import * as utils from '../packages/cnpg-utils/src/index.ts';
// @ts-expect-error plain JavaScript: it runs without a build
import { generated, portingData, portingTable } from './generate.mjs';

interface Porting {
  intro: string[];
  packages: { go: string; rows: { go: string; ours: string[]; differs: string }[] }[];
  defects?: { where: string; go: string; here: string; file: string | null; test: string | null }[];
}

const files = (await (generated as () => Promise<Record<string, string>>)()) satisfies Record<string, string>;
const data = await (portingData as () => Promise<Porting>)();
const root = new URL('..', import.meta.url);

test.for(Object.keys(files))('%s is what node scripts/generate.mjs writes', async (path) => {
  await expect(readFile(new URL(path, root), 'utf8')).resolves.toBe(files[path]);
});

test('no cluster fixture is left over', async () => {
  const present = await readdir(new URL('fixtures/clusters', root));
  expect(present.map((name) => `fixtures/clusters/${name}`).toSorted()).toEqual(
    Object.keys(files)
      .filter((path) => path.startsWith('fixtures/clusters/'))
      .toSorted(),
  );
});

const rows = data.packages.flatMap(({ rows: of }) => of);

test('every function that the porting table names is exported', () => {
  const missing = rows.flatMap(({ ours }) => ours).filter((name) => !Object.hasOwn(utils, name));
  expect(missing).toEqual([]);
});

const isTest = /\.(test|component|integration|chaos)\.ts$/;

test('every function that the porting table names is used by a test', async () => {
  const folders = ['packages/cnpg-utils/src', 'packages/cnpg-utils/test', 'suites/upstream'];
  const paths = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(new URL(folder, root), { recursive: true })).map((path) => `${folder}/${path}`),
    ),
  );
  const texts = paths.flat().filter((path) => isTest.test(path));
  const words = new Set(
    (await Promise.all(texts.map((path) => readFile(new URL(path, root), 'utf8')))).flatMap((text) =>
      text.split(/\W+/),
    ),
  );
  const untested = (of: string[]) => of.filter((name) => !words.has(name));
  expect(untested(rows.flatMap(({ ours }) => ours))).toEqual([]);
  expect(untested([['get', 'Primary', 'Pod'].join('')])).toHaveLength(1);
});

test('what has no counterpart says why', () => {
  const silent = rows.filter(({ ours, differs }) => ours.length === 0 && differs === '');
  expect(silent).toEqual([]);
});

test.for(data.defects ?? [])('the test that keeps the defect of $where out exists', async ({ file, test: title }) => {
  const text = file === null ? '' : await readFile(new URL(file, root), 'utf8');
  expect(text).toContain(title ?? '');
});

test('a name that is exported nowhere would be found', () => {
  expect(Object.hasOwn(utils, 'getPrimaryPod')).toBe(false);
});

test('bars do not break the table', () => {
  const table = (portingTable as (of: Porting) => string)({
    intro: ['# T'],
    packages: [{ go: 'p', rows: [{ go: 'A', ours: [], differs: 'a | b' }] }],
  });
  expect(table).toBe(
    '# T\n\n## p\n\n| Go | here | file | what differs, and why |\n| --- | --- | --- | --- |\n| `A` | – |  | a \\| b |\n',
  );
});
