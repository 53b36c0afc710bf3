import { describe, expect, test } from 'vitest';
import { defineChaosConfig } from '../config/chaos-config.ts';
import { GuardError } from './guard-error.ts';
import { judgeCluster, judgeNamespace } from './guard.ts';

const uid = '3f1c8a52-7c1e-4a5d-9a1b-0c9f2d1e4b6a';
const other = '00000000-7c1e-4a5d-9a1b-0c9f2d1e4b6a';
const server = 'https://10.0.0.1:6443';
const none = defineChaosConfig();

describe('judgeCluster', () => {
  test('allows the lab', () => {
    expect(() => judgeCluster({ uid, server, config: none, labKubeSystemUid: uid })).not.toThrow();
  });

  test('allows a listed cluster', () => {
    const config = defineChaosConfig({ clusters: [{ kubeSystemUid: uid, kubeconfig: 'k' }] });
    expect(() => judgeCluster({ uid, server, config })).not.toThrow();
  });

  test.each([
    ['nothing is listed', none, undefined],
    ['another one is listed', defineChaosConfig({ clusters: [{ kubeSystemUid: other, kubeconfig: 'k' }] }), undefined],
    ['the lab is another one', none, other],
    ['the lab has no record', none, ''],
  ])('refuses when %s, with the line to add', (_why, config, labKubeSystemUid) => {
    const judge = () => judgeCluster({ uid, server, config, labKubeSystemUid });
    expect(judge).toThrow(GuardError);
    expect(judge).toThrow(`clusters: [{ kubeSystemUid: '${uid}', kubeconfig: '<path>' }],`);
  });
});

describe('judgeNamespace', () => {
  const labelled = (labels: Record<string, string>) => ({ metadata: { labels } });

  test('allows the label', () => {
    expect(() => judgeNamespace('team', labelled({ 'cnpg-chaos/enabled': 'true' }))).not.toThrow();
  });

  test.each([
    ['that does not exist', undefined, 'namespace team does not exist'],
    ['without labels', { metadata: {} }, 'kubectl label namespace team cnpg-chaos/enabled=true'],
    ['with another value', labelled({ 'cnpg-chaos/enabled': 'false' }), 'carries the label with value "false"'],
    ['with another label', labelled({ 'chaos/enabled': 'true' }), 'does not carry the label'],
  ])('refuses a namespace %s', (_what, found, message) => {
    expect(() => judgeNamespace('team', found)).toThrow(GuardError);
    expect(() => judgeNamespace('team', found)).toThrow(message);
  });
});
