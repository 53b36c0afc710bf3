import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    reporters: ['default'],
    projects: [
      {
        resolve: { conditions: ['@cnpg-chaos/source'] },
        ssr: { resolve: { conditions: ['@cnpg-chaos/source', 'node', 'module', 'import'] } },
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          sequence: { groupOrder: 0 },
        },
      },
    ],
  },
});
