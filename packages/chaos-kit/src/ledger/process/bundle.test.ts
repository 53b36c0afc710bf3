import { expect, test } from 'vitest';
import { writerBundle } from './bundle.ts';

test('the writers are one file, without what only the runner needs', async () => {
  const text = await writerBundle();
  expect(text).toContain('insert into');
  // the helpers for Kubernetes would take longer to load than all else
  expect(text).not.toMatch(/client-node|cnpg\.io|timeline history/);
});
