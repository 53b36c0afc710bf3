import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { expect, test, vi } from 'vitest';
import { namespacePrefix, ownNamespace } from './own-namespace.ts';

test.for([
  ['A standby takes over, and nothing is lost!', 'a-standby-takes-over-and-nothing-is-lost'],
  ['  „überall“  ', 'berall'],
  ['…', 'chaos'],
  [`${'x'.repeat(39)} y`, 'x'.repeat(39)],
])('%j begins a namespace as %s', ([name = '', prefix]) => {
  expect(namespacePrefix(name)).toBe(prefix);
});

function fakeKube() {
  const create = vi.fn<(object: unknown) => Promise<object>>(() => Promise.resolve({}));
  const deleteIfExists = vi.fn<() => Promise<boolean>>(() => Promise.resolve(true));
  const find = vi.fn<() => Promise<undefined>>(() => Promise.resolve(undefined));
  return { kube: { create, deleteIfExists, find } as unknown as KubeClient, create, deleteIfExists };
}

test('it may be broken, has a name of its own, and goes', async () => {
  const { kube, create, deleteIfExists } = fakeKube();
  const own = ownNamespace(kube, 'a test', {});
  expect(own.name).toMatch(/^a-test-[0-9a-f]{8}$/);
  expect(ownNamespace(kube, 'a test', {}).name).not.toBe(own.name);
  await own.create(new AbortController().signal);
  const labels = { 'cnpg-chaos/enabled': 'true', 'app.kubernetes.io/managed-by': 'cnpg-chaos' };
  expect(create.mock.calls[0]?.[0]).toMatchObject({ metadata: { name: own.name, labels } });
  await expect(own.remove()).resolves.toBe(true);
  expect(deleteIfExists).toHaveBeenCalledOnce();
});

test('PRESERVE_NAMESPACES keeps it', async () => {
  const { kube, deleteIfExists } = fakeKube();
  await expect(ownNamespace(kube, 'a test', { PRESERVE_NAMESPACES: 'other a-test' }).remove()).resolves.toBe(false);
  expect(deleteIfExists).not.toHaveBeenCalled();
});
