// Makes dist/writers.cjs of the built code: the process of the ledger's writers as one file, for pods that have only Node.
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const bundle = await rolldown({ input: at('dist/ledger/process/main.js'), platform: 'node', external: ['pg-native'] });
await bundle.write({ file: at('dist/writers.cjs'), format: 'cjs', codeSplitting: false });
await bundle.close();
