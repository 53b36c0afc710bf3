import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FakeApiServer, reply } from '../../test/support/fake-api-server.ts';
import { KubeClient } from './client.ts';
import {
  applyManifests,
  deleteManifests,
  MalformedManifestError,
  ManifestError,
  onlyOfKind,
  parseManifests,
  readManifests,
  renderTemplate,
  UnknownVariableError,
  WrongKindError,
} from './yaml.ts';

const two = `
# a comment
apiVersion: v1
kind: ConfigMap
metadata: { name: script }
data:
  run.sh: |
    cat <<EOF
    ---
    not a document
    EOF
---
---
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: { name: db }
spec: { instances: 3 }
`;

describe('parsing', () => {
  test('dashes inside a value split nothing, empty documents are left out', () => {
    const objects = parseManifests(two);
    expect(objects.map(({ kind }) => kind)).toEqual(['ConfigMap', 'Cluster']);
    expect(objects[0]).toMatchObject({ data: { 'run.sh': expect.stringContaining('---\nnot a document') } });
  });

  test('a list is its items; nothing is nothing', () => {
    const item = { apiVersion: 'v1', kind: 'Secret', metadata: { generateName: 's-' } };
    expect(parseManifests(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [item, item] }))).toEqual([
      item,
      item,
    ]);
    expect(parseManifests('')).toEqual([]);
    expect(parseManifests('---\n# only a comment\n')).toEqual([]);
  });

  test.for<[why: string, text: string, said: string]>([
    ['no YAML', 'kind: [', 'at line 1'],
    ['tabs', 'kind: Cluster\nmetadata:\n\tname: db', 'line 3'],
    ['a key twice', 'apiVersion: v1\nkind: A\nkind: B', 'Map keys must be unique at line 3'],
    ['a list', '- a\n- b', 'line 1: expected a Kubernetes object, got a list'],
    ['a text', 'hello', 'expected a Kubernetes object, got a string'],
    ['no kind', '\n\napiVersion: v1\nmetadata: { name: x }', 'line 3: the object lacks kind'],
    ['neither', 'metadata: { name: x }', 'lacks apiVersion and kind'],
    ['no name', 'apiVersion: v1\nkind: Secret\nmetadata: {}', 'the Secret lacks metadata.name'],
    ['no metadata', 'apiVersion: v1\nkind: Secret', 'the Secret lacks metadata.name'],
  ])('%s is named with its place', ([, text, said]) => {
    expect(() => parseManifests(text, 'db.yaml')).toThrow(MalformedManifestError);
    expect(() => parseManifests(text, 'db.yaml')).toThrow('db.yaml: ');
    expect(() => parseManifests(text, 'db.yaml')).toThrow(said);
  });
});

describe('templates', () => {
  test('only braces count', () => {
    expect(renderTemplate('a: ${A}\nb: $A ${A}', { A: '1' })).toBe('a: 1\nb: $A 1');
    // A value is not a template.
    expect(renderTemplate('${A}', { A: '${B} $& $1' })).toBe('${B} $& $1');
  });

  test('all that is missing or empty is named at once', () => {
    const render = () => renderTemplate('${C} ${A} ${B} ${C} ${toString}', { A: '1', B: '' }, 'db.yaml.template');
    expect(render).toThrow(UnknownVariableError);
    expect(render).toThrow('db.yaml.template: no value for ${B}, ${C}, ${toString}; known are: A');
  });
});

test('one object of a kind', () => {
  const objects = parseManifests(two);
  expect(onlyOfKind(objects, 'Cluster').metadata.name).toBe('db');
  expect(() => onlyOfKind(objects, 'Pooler', 'db.yaml')).toThrow(WrongKindError);
  expect(() => onlyOfKind(objects, 'Pooler', 'db.yaml')).toThrow(
    'db.yaml: expected one Pooler, got 0; there are: ConfigMap script, Cluster db',
  );
  expect(() => onlyOfKind([...objects, ...objects], 'Cluster')).toThrow('got 2');
});

test('files: as they are, or as templates', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'manifests-'));
  try {
    const path = join(folder, 'db.yaml');
    await writeFile(path, 'apiVersion: v1\nkind: Secret\nmetadata: { name: "${NAME}" }');
    expect((await readManifests(path))[0]?.metadata.name).toBe('${NAME}');
    expect((await readManifests(path, { variables: { NAME: 'x' } }))[0]?.metadata.name).toBe('x');
    await expect(readManifests(path, { variables: {} })).rejects.toBeInstanceOf(UnknownVariableError);
    await expect(readManifests(join(folder, 'none.yaml'))).rejects.toBeInstanceOf(ManifestError);
    await expect(readManifests(join(folder, 'none.yaml'))).rejects.toThrow(/none\.yaml: cannot be read: ENOENT/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the namespace goes to objects that belong to one and name none', async () => {
  await using server = await FakeApiServer.start();
  await using kube = KubeClient.fromString(server.kubeconfig);
  server.handler = (request, response) => {
    reply(response, 200, request.body === '' ? {} : JSON.parse(request.body));
  };
  const objects = parseManifests(
    ['Namespace', 'Secret', 'Pod']
      .map((kind) => `apiVersion: v1\nkind: ${kind}\nmetadata: { name: x${kind === 'Pod' ? ', namespace: own' : ''} }`)
      .join('\n---\n'),
  );
  await applyManifests(kube, objects, { namespace: 'team' });
  expect(server.requests.map(({ path }) => path)).toEqual([
    '/api/v1/namespaces/x',
    '/api/v1/namespaces/team/secrets/x',
    '/api/v1/namespaces/own/pods/x',
  ]);
  expect(JSON.parse(server.requests[0]?.body ?? '')).not.toHaveProperty('metadata.namespace');
  server.requests.length = 0;
  await expect(deleteManifests(kube, objects, { namespace: 'team' })).resolves.toBe(3);
  expect(server.requests.map(({ path }) => path).at(-1)).toBe('/api/v1/namespaces/x');
});
