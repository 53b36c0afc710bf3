import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parseManifest } from './addons.ts';
import { fill, readManifest } from './package-files.ts';

test('real clusters get the same agent as the lab, but for its image', async () => {
  const image = 'registry.example.com/cnpg-chaos-agent:1';
  const text = await readFile(new URL('../../../fixtures/agent/agent.yaml', import.meta.url), 'utf8');
  expect(parseManifest(text)).toEqual(
    parseManifest(fill(await readManifest('addons/agent.yaml'), { IMAGE_AGENT: image })),
  );
});
