import { fileURLToPath } from 'node:url';
import { readManifests } from '@cnpg-chaos/cnpg-utils';
import { describe, expect, test } from 'vitest';
import { type ChaosConfigInput, defineChaosConfig } from '../config/chaos-config.ts';
import { clusterManifest } from './cluster-manifest.ts';
import { judgeReuse, namespaceOf } from './create-or-reuse.ts';
import { ProfileError, profiles, resolveProfile } from './profile.ts';

const config = (input: ChaosConfigInput = {}) => defineChaosConfig(input);
const manifest = (name: string, input?: ChaosConfigInput) =>
  clusterManifest(resolveProfile(name, config(input)), 'n', 'pg');

describe('resolveProfile', () => {
  test('refuses an unknown name and lists the valid ones', () => {
    expect(() => resolveProfile('snyc', config())).toThrow(ProfileError);
    expect(() => resolveProfile('snyc', config())).toThrow(
      'profile: got "snyc", expected one of sync, tuned, async, preferred, quorum5, single',
    );
  });

  test.each([1, 2, 0, -3, 2.5])('refuses sync with %d instances and says why', (instances) => {
    expect(() => resolveProfile('sync', config(), { instances })).toThrow(
      new RegExp(`profile sync: got ${instances} instances, expected a whole number, at least 3 \\(one primary`),
    );
  });

  test('refuses such a number from the configuration, too', () => {
    expect(() => resolveProfile('async', config({ profiles: { async: { instances: 1 } } }))).toThrow(/at least 2/);
  });

  test('refuses an override of a profile that does not exist', () => {
    expect(() => resolveProfile('sync', config({ profiles: { snyc: {} } }))).toThrow(
      'profiles in chaos.config.ts: got "snyc", expected one of sync, tuned, async, preferred, quorum5, single',
    );
  });

  test('refuses what CloudNativePG would refuse, before anything is created', () => {
    const wrong = config({ profiles: { sync: { image: 'registry:5000/postgresql', parameters: { ssl: 'off' } } } });
    expect(() => resolveProfile('sync', wrong)).toThrow(ProfileError);
    expect(() => resolveProfile('sync', wrong)).toThrow(
      /profile sync, as chaos.config.ts changes it: .*\nimageName: expected a tag.*\nparameters.ssl: is set by/,
    );
  });

  test('the request wins over the configuration', () => {
    expect(resolveProfile('sync', config({ profiles: { sync: { instances: 4 } } }), { instances: 5 }).instances).toBe(
      5,
    );
  });
});

describe('clusterManifest', () => {
  test('sync promises that an acknowledged commit is on a standby', () => {
    expect(manifest('sync').spec).toMatchObject({
      instances: 3,
      enableSuperuserAccess: false,
      postgresql: { synchronous: { method: 'any', number: 1, dataDurability: 'required', failoverQuorum: true } },
      affinity: { topologyKey: 'topology.kubernetes.io/zone', podAntiAffinityType: 'preferred' },
      storage: { size: '2Gi' },
    });
  });

  test('async promises nothing', () => {
    expect(manifest('async').spec.postgresql).not.toHaveProperty('synchronous');
  });

  test('a configuration changes size, class, image and parameters', () => {
    const sizes = { storageSize: '3Gi', storageClass: 'fast', image: 'postgresql:17', parameters: { work_mem: '8MB' } };
    expect(manifest('sync', { profiles: { sync: sizes } }).spec).toMatchObject({
      imageName: 'postgresql:17',
      storage: { size: '3Gi', storageClass: 'fast' },
      postgresql: { parameters: { max_connections: '200', work_mem: '8MB' } },
    });
  });

  test.each(Object.values(profiles))('$name is the shape that fixtures/clusters has for people', async (profile) => {
    const path = fileURLToPath(new URL(`../../../../fixtures/clusters/${profile.name}.yaml`, import.meta.url));
    const [fixture] = await readManifests(path);
    const { metadata, spec } = clusterManifest(profile, namespaceOf(profile.name), 'pg');
    expect(fixture).toMatchObject({ metadata: { name: metadata?.name, namespace: metadata?.namespace }, spec });
  });

  test('promises no loss only where every commit waits for a standby', () => {
    const promising = Object.values(profiles).filter(({ zeroLoss }) => zeroLoss);
    expect(promising.map(({ name }) => name)).toEqual(['sync', 'tuned', 'quorum5']);
    expect(profiles.preferred.synchronous).toBeDefined();
  });

  test('leaves to the operator what users leave to it', () => {
    const { spec } = manifest('sync');
    expect(Object.keys(spec).toSorted()).toEqual([
      'affinity',
      'bootstrap',
      'enableSuperuserAccess',
      'instances',
      'postgresql',
      'storage',
    ]);
  });
});

describe('judgeReuse', () => {
  test('creates what is not there and reuses what is of the same shape', () => {
    expect(judgeReuse(undefined, manifest('sync'))).toBe('create');
    expect(judgeReuse(manifest('sync'), manifest('sync'))).toBe('reuse');
  });

  test('creates anew what has another shape or is going away', () => {
    expect(judgeReuse(manifest('sync'), manifest('sync', { profiles: { sync: { instances: 5 } } }))).toBe('recreate');
    const going = manifest('sync');
    expect(
      judgeReuse(
        { ...going, metadata: { labels: going.metadata?.labels ?? {}, deletionTimestamp: new Date() } },
        going,
      ),
    ).toBe('recreate');
  });

  test('leaves a foreign cluster alone', () => {
    const foreign = { ...manifest('sync'), metadata: { name: 'pg', namespace: 'n' } };
    expect(() => judgeReuse(foreign, manifest('sync'))).toThrow(/was not created by this kit/);
  });
});
