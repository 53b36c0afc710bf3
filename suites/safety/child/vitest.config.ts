import { chaosReporters, defineChaosProject } from '@cnpg-chaos/chaos-kit/config';
import { defineConfig } from 'vitest/config';

// A run of its own, which the safety suite starts in order to kill it. Its reports lie beside it.
const conditions = ['@cnpg-chaos/source', 'node', 'module', 'default'];

export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    reporters: chaosReporters(),
    projects: [defineChaosProject({ include: ['*.cell.ts'] })],
  },
});
