import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { chaosReporters, defineChaosProject } from './packages/chaos-kit/src/vitest/config.ts';

// Tests run on the sources of the workspace's packages, so that nothing needs to be built first.
// 'import' is left out: it would reach the require() calls of CommonJS packages too, and break pg.
const conditions = ['@cnpg-chaos/source', 'node', 'module', 'default'];

// Read by .ci/run.
const totals: ['json', { outputFile: string }] = ['json', { outputFile: '.vitest/ci.json' }];

// Processes that tests start load what others have compiled: where Node keeps it by itself when asked to.
const env = { NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache') };

// Of unit and component tests together, which share them; component tests mostly wait.
const workers = 3;

export default defineConfig({
  resolve: { conditions },
  // Workers resolve as `ssr`, global setups and reporters as `__vitest__`, which takes its conditions from neither.
  ssr: { resolve: { conditions } },
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    // Named, because vitest picks others by itself when it believes that an agent runs it.
    reporters: [...chaosReporters(), ...(process.env['CI'] ? [totals] : [])],
    projects: [
      {
        test: {
          name: { label: 'unit', color: 'cyan' },
          include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'scripts/**/*.test.ts'],
          // One process for many files: loading the Kubernetes client again for each costs a third of the time.
          isolate: false,
          env,
          // Many run vitest or a command in a process of its own; a machine that is busy takes its time.
          testTimeout: 60_000,
          maxWorkers: workers,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: { label: 'component', color: 'blue' },
          include: ['packages/*/test/**/*.component.ts'],
          isolate: false,
          env,
          // Real PostgreSQL in containers, and vitest runs inside vitest.
          testTimeout: 120_000,
          hookTimeout: 300_000,
          globalSetup: ['./packages/chaos-kit/test/component/global-setup.ts'],
          maxWorkers: workers,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          // Helpers of cnpg-utils against a cluster that is there; see packages/cnpg-utils/README.md.
          name: { label: 'integration', color: 'green' },
          include: ['packages/*/test/integration/*.integration.ts'],
          globalSetup: ['./packages/cnpg-utils/test/integration/global-setup.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      defineChaosProject(),
    ],
  },
});
