import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { namespaceOf } from '../../src/cluster/create-or-reuse.ts';
import { profiles } from '../../src/cluster/profile.ts';
import { judgeNamespace } from '../../src/safety/guard.ts';

const namespaceSchema = z.object({
  apiVersion: z.literal('v1'),
  kind: z.literal('Namespace'),
  metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()) }),
});

describe('fixtures/namespaces.yaml', () => {
  const text = readFileSync(new URL('../../../../fixtures/namespaces.yaml', import.meta.url), 'utf8');
  const namespaces = parseAllDocuments(text).map((document) => namespaceSchema.parse(document.toJS()));

  test('has the namespace of each profile', () => {
    expect(namespaces.map((namespace) => namespace.metadata.name)).toEqual(Object.keys(profiles).map(namespaceOf));
  });

  test('lets the guard pass', () => {
    for (const namespace of namespaces) {
      expect(() => judgeNamespace(namespace.metadata.name, namespace)).not.toThrow();
    }
  });
});
