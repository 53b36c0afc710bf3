import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type ChaosConfigInput, defineChaosConfig, parseChaosConfig } from './chaos-config.ts';
import { ConfigError } from './config-error.ts';
import { loadChaosConfig } from './load-config.ts';

const uid = '3f1c8a52-7c1e-4a5d-9a1b-0c9f2d1e4b6a';

describe('defineChaosConfig', () => {
  test('fills in the defaults', () => {
    const config = defineChaosConfig();
    expect(config).toMatchObject({ clusters: [], provider: 'auto', engine: 'auto', operatorNamespace: 'cnpg-system' });
    expect(config.chaosMesh).toEqual({ namespace: 'chaos-mesh', allowIOChaos: false });
    expect(config.waits).toMatchObject({ effect: 30_000, recover: 300_000 });
  });

  test('scales waits', () => {
    const config = defineChaosConfig({ waitScale: 3, waits: { steadyState: '1m30s' } });
    expect(config.waits.steadyState).toBe(270_000);
    expect(config.waits.effect).toBe(90_000);
  });

  test('does not scale twice', () => {
    const config = defineChaosConfig({ waitScale: 2 });
    expect(parseChaosConfig(config, 'again')).toBe(config);
  });

  test.each<[string, object, string]>([
    ['a duration without a unit', { waits: { undo: '30' } }, 'waits.undo: got "30", expected a duration such as "30s"'],
    ['a duration that is none', { waits: { effect: 'soon' } }, 'waits.effect: got "soon", expected a duration'],
    ['an unknown engine', { engine: 'gremlin' }, 'engine: got "gremlin", expected one of auto, kubernetes, chaos-mesh'],
    ['an unknown provider', { provider: 'kind' }, 'provider: got "kind", expected one of auto, lab, existing'],
    ['a field that does not exist', { retries: 3 }, 'retries: got 3, expected no such field'],
    ['a nested field that does not exist', { waits: { rto: '1s' } }, 'waits.rto: got "1s", expected no such field'],
    [
      'a UID that is none',
      { clusters: [{ kubeSystemUid: 'staging', kubeconfig: 'k' }] },
      'clusters[0].kubeSystemUid: got "staging", expected the UID of the kube-system namespace',
    ],
    [
      'a missing kubeconfig',
      { clusters: [{ kubeSystemUid: uid }] },
      'clusters[0].kubeconfig: got nothing, expected a path',
    ],
    [
      'a size that is no quantity',
      { profiles: { sync: { storageSize: '1GB' } } },
      'profiles.sync.storageSize: got "1GB"',
    ],
  ])('refuses %s, with field, value and what is right', (_what, input, message) => {
    expect(() => defineChaosConfig(input as ChaosConfigInput)).toThrow(ConfigError);
    expect(() => defineChaosConfig(input as ChaosConfigInput)).toThrow(message);
  });

  test('lists every problem at once', () => {
    const broken = { engine: 'x', waits: { recover: 'y' } } as unknown as ChaosConfigInput;
    expect(() => defineChaosConfig(broken)).toThrow(/engine: [^]*waits.recover: /);
  });
});

describe('loadChaosConfig', () => {
  async function folder(content?: string): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'chaos-config-'));
    onTestFinished(() => rm(path, { recursive: true }));
    if (content !== undefined) await writeFile(join(path, 'chaos.config.mjs'), content);
    return path;
  }

  test('gives the defaults when there is no file', async () => {
    expect(await loadChaosConfig(await folder())).toEqual(defineChaosConfig());
  });

  test('makes kubeconfig paths absolute', async () => {
    const root = await folder(`export default { clusters: [{ kubeSystemUid: '${uid}', kubeconfig: './k.yaml' }] };`);
    const config = await loadChaosConfig(root);
    expect(config.clusters).toEqual([{ kubeSystemUid: uid, kubeconfig: join(root, 'k.yaml') }]);
  });

  test('names the file and the field that is wrong', async () => {
    const root = await folder(`export default { engine: 'x' };`);
    await expect(loadChaosConfig(root)).rejects.toThrow(/chaos\.config\.mjs is not valid:\n {2}engine: got "x"/);
  });

  test.each([
    ['has no default export', 'export const config = {};', /default export: got nothing, expected export default/],
    ['does not load', 'throw new Error("boom");', /the file: got .*boom/],
  ])('refuses a file that %s', async (_what, content, message) => {
    await expect(loadChaosConfig(await folder(content))).rejects.toThrow(message);
  });
});
