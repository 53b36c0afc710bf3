import { readFile, readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parseDuration } from '@cnpg-chaos/cnpg-utils';
import { FakeApiServer } from '../../../cnpg-utils/test/support/fake-api-server.ts';
import { serveObjects } from '../../../cnpg-utils/test/support/object-server.ts';
import { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { defaultEngines } from '../engines/registry.ts';
import { parseFaultOptions } from '../faults/fault.ts';
import * as faults from '../faults/index.ts';
import { chaosTags } from '../vitest/tags.ts';
import { defectOf, scenarios, unmetNeeds } from './index.ts';

const suites = new URL('../../../../suites/', import.meta.url);
const files = await readdir(suites, { recursive: true });

test('ids are unique and in kebab-case', () => {
  const ids = scenarios.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)+$/);
});

test.each(scenarios)('$id: faults exist and take their options', ({ faults: used }) => {
  expect(used.length).toBeGreaterThan(0);
  for (const { fixture, options } of used) {
    const found: unknown = Reflect.get(faults, fixture);
    if (typeof found !== 'function') throw new TypeError(`there is no fixture ${fixture}`);
    const { fault } = found as (typeof faults)['withPrimaryKilled'];
    expect(() => parseFaultOptions(fault, options as object)).not.toThrow();
  }
});

test.each(scenarios)('$id: tags are known, and one of the files of its area runs it', async ({ id, tags }) => {
  const known = new Set(chaosTags.map(({ name }) => name));
  expect(tags.filter((tag) => !known.has(tag))).toEqual([]);
  const name = files.find(
    (file) => id.startsWith(file.replace(/^.*\//, '').replace(/\.chaos\.ts$/, '')) && file.endsWith('.chaos.ts'),
  );
  if (name === undefined) throw new TypeError(`there is no suites/<area>/${id}.chaos.ts`);
  const text = await readFile(new URL(name, suites), 'utf8');
  const variable = id.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  expect(text).toMatch(new RegExp(String.raw`scenario\(\s*${variable}\b`));
});

test.each(scenarios)(
  '$id: every budget says what is documented, what was measured, and has room for it',
  ({ budget }) => {
    expect(Object.keys(budget).length).toBeGreaterThan(0);
    for (const { limit, documented, measured } of Object.values(budget)) {
      expect(documented.length).toBeGreaterThan(20);
      expect(measured.runs).toBeGreaterThan(0);
      expect(measured.median).toBeLessThanOrEqual(measured.worst);
      expect(measured.worst * 1000).toBeLessThanOrEqual(parseDuration(limit));
    }
  },
);

test('a defect is told with its figure', () => {
  for (const { findings } of scenarios)
    for (const { measured, issue } of findings) {
      expect(measured).toMatch(/\d/);
      expect(issue).toMatch(/^https:/);
    }
  const [none] = scenarios.filter(({ findings }) => findings.length === 0);
  expect(() => none && defectOf(none)).toThrow('has no finding');
});

test('what a cluster lacks is said in words', async () => {
  const server = await FakeApiServer.start();
  const kube = KubeClient.fromString(server.kubeconfig);
  try {
    const node = (name: string, change: object = {}) => ({
      metadata: { name },
      spec: {},
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
      ...change,
    });
    serveObjects(server, {
      '/api/v1/nodes': [
        node('a'),
        node('b', { spec: { unschedulable: true } }),
        node('c', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }),
        node('d', { status: {} }),
      ],
    });
    const context = {
      kube,
      cluster: { namespace: 'ns', name: 'pg' },
      operatorNamespace: 'cnpg-system',
      chaosMesh: { namespace: 'chaos-mesh' },
    };
    const signal = AbortSignal.timeout(5_000);
    const lacks = (nodes: number, engines: readonly 'lab'[]) =>
      unmetNeeds({ nodes, engines }, defaultEngines, context, signal);
    expect(await lacks(1, [])).toEqual([]);
    expect(await lacks(3, ['lab'])).toEqual([
      'it needs 3 nodes that take pods, there are 1',
      expect.stringContaining('it needs the engine lab: this cluster is not the local lab'),
    ]);
  } finally {
    await kube.close();
    await server[Symbol.asyncDispose]();
  }
});
