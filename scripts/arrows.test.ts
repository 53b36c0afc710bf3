import { describe, expect, test } from 'vitest';
// @ts-expect-error plain JavaScript: the check runs without a build
import { importsOf, violations } from './arrows.mjs';

describe('import arrows', () => {
  test('finds static, side-effect, re-export and dynamic imports', () => {
    const text = `import a, { b } from './a.ts';\nimport 'side';\nexport { c } from "c";\nconst d = await import('d');\nimport type { E } from 'e';`;
    expect(importsOf(text)).toEqual(['./a.ts', 'side', 'c', 'd', 'e']);
  });

  test.for([
    ['packages/cnpg-utils/src/a.ts', '@cnpg-chaos/chaos-kit'],
    ['packages/chaos-lab/src/a.ts', '@cnpg-chaos/cnpg-utils'],
    ['packages/chaos-kit/src/experiment/a.ts', '@cnpg-chaos/chaos-lab'],
    ['packages/chaos-kit/src/experiment/a.ts', 'vitest'],
    ['packages/chaos-kit/src/ledger/a.ts', '../faults/b.ts'],
    ['packages/chaos-kit/src/engines/kubernetes/a.ts', '../../experiment/b.ts'],
    ['packages/chaos-kit/src/faults/a.ts', '../vitest/b.ts'],
    ['packages/chaos-kit/src/faults/a.ts', '../experiment/b.ts'],
    ['suites/pod/a.chaos.ts', '../../packages/chaos-kit/src/index.ts'],
  ] as const)('%s may not import %s', ([file, specifier]) => {
    expect(violations(file, `import { x } from '${specifier}';`)).toHaveLength(1);
  });

  test.for([
    ['packages/chaos-kit/src/provider/lab.ts', '@cnpg-chaos/chaos-lab'],
    ['packages/chaos-kit/src/vitest/a.ts', 'vitest'],
    ['packages/chaos-kit/src/vitest/a.ts', '../experiment/b.ts'],
    ['packages/chaos-kit/src/faults/a.ts', '../engines/b.ts'],
    ['suites/pod/a.chaos.ts', '@cnpg-chaos/chaos-kit/vitest'],
  ] as const)('%s may import %s', ([file, specifier]) => {
    expect(violations(file, `import { x } from '${specifier}';`)).toEqual([]);
  });
});
