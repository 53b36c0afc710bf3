import { describe, expect, test } from 'vitest';
import { parseNodeImages, unneeded } from './node-images.ts';

const listing = `REF TYPE DIGEST SIZE PLATFORMS LABELS
cnpg-chaos.lab/pg:new application/vnd.docker.distribution.manifest.v2+json sha256:aa 116.0 MiB linux/amd64 managed
cnpg-chaos.lab/pg:old application/vnd.docker.distribution.manifest.v2+json sha256:bb 116.0 MiB linux/amd64 managed
cnpg-chaos.lab/pg:same application/vnd.docker.distribution.manifest.v2+json sha256:aa 116.0 MiB linux/amd64 managed
sha256:config-aa application/vnd.docker.distribution.manifest.v2+json sha256:aa 116.0 MiB linux/amd64 managed
sha256:config-bb application/vnd.docker.distribution.manifest.v2+json sha256:bb 116.0 MiB linux/amd64 managed
docker.io/library/other:1 application/vnd.docker.distribution.manifest.v2+json sha256:cc 1.0 MiB linux/amd64 -
`;
const images = parseNodeImages(listing);
const wanted = new Set(['cnpg-chaos.lab/pg:new']);

describe('what a node no longer needs', () => {
  test('is every other image of the lab under all of its names, and nothing of anybody else', () => {
    expect(images).toHaveLength(6);
    expect(unneeded(images, wanted, '')).toEqual([
      'cnpg-chaos.lab/pg:old',
      'cnpg-chaos.lab/pg:same',
      'sha256:config-bb',
    ]);
  });

  test('is not what a pod or a Cluster still names', () => {
    const used = JSON.stringify({ spec: { image: 'cnpg-chaos.lab/pg:old' } });
    expect(unneeded(images, wanted, used)).toEqual(['cnpg-chaos.lab/pg:same']);
    expect(unneeded(images, wanted, JSON.stringify('cnpg-chaos.lab/pg:older'))).toContain('cnpg-chaos.lab/pg:old');
  });
});
