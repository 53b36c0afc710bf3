// Writes the golden histories anew: node packages/chaos-kit/test/ledger/generate-golden.ts
// They only change when the format does; then say so in docs/ledger-history.md and raise its version.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { goldenRuns, writeGolden } from './golden-runs.ts';

const root = fileURLToPath(new URL('./golden/', import.meta.url));
rmSync(root, { recursive: true, force: true });
for (const [name, run] of Object.entries(goldenRuns)) await writeGolden(`${root}${name}`, run);
