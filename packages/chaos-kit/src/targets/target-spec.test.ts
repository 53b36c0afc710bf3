import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { endpointTargetSpec, nodeTargetSpec, peerTargetSpec, podTargetSpec, volumeTargetSpec } from './target-spec.ts';

describe.each<[string, z.ZodType, unknown[], unknown[], string]>([
  [
    'pods',
    podTargetSpec,
    ['primary', 'sync-standby', 'all-instances', { replica: 0 }, { instance: 'pg-1' }, ['primary', 'sync-standby']],
    ['boss', { replica: -1 }, { replica: 0.5 }, { replica: 0, instance: 'pg-1' }, [], {}, 3],
    'one of primary, sync-standby',
  ],
  [
    'nodes',
    nodeTargetSpec,
    [{ nodeOf: 'primary' }, { zoneOf: { replica: 1 } }, { node: 'w1' }, { zone: 'z' }],
    ['w1', { nodeOf: 'w1' }, { node: '' }, {}],
    '{ nodeOf: "primary" }',
  ],
  ['a volume', volumeTargetSpec, [{ volumeOf: 'primary', volume: 'wal' }], [{ volume: 'wal' }, 'primary'], ''],
  [
    'addresses',
    endpointTargetSpec,
    ['api-server', 'clients', { addresses: ['10.0.0.1', '10.0.0.0/8', 'fd00::1'] }],
    ['apiserver', { addresses: [] }, { addresses: ['10.0.0.300'] }],
    '"api-server", "clients"',
  ],
  [
    'peers',
    peerTargetSpec,
    ['primary', 'api-server', { nodeOf: 'primary' }, ['all-replicas', 'api-server', 'operator']],
    ['nobody', [], ['nobody']],
    'one of primary',
  ],
])('%s as data', (_what, schema, good, bad, form) => {
  test.each(good.map((spec) => [spec]))('%j', (spec) => {
    expect(schema.parse(spec)).toEqual(spec);
  });

  test.each(bad.map((spec) => [spec]))('not %j', (spec) => {
    expect(schema.safeParse(spec).success).toBe(false);
  });

  test('and what would be right is part of the error', () => {
    expect(schema.safeParse(bad[0]).error?.issues[0]?.message).toContain(form);
  });
});

test('a volume is that of the data unless said otherwise', () => {
  expect(volumeTargetSpec.parse({ volumeOf: 'primary' })).toEqual({ volumeOf: 'primary', volume: 'data' });
});
