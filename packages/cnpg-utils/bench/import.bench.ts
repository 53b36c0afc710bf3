// What the package costs: its size, and the time and memory that importing it and making the first client take, each in a
// new process, as the median of nine. Build first (`npx tsc -b`); run with `node packages/cnpg-utils/bench/import.bench.ts`.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const folder = fileURLToPath(new URL('..', import.meta.url));
const entry = new URL('../dist/index.js', import.meta.url).href;

interface Cost {
  wallMs: number;
  cpuMs: number;
  rssMb: number;
}

/** Runs a program after a beginning that is not measured. */
async function cost(begin: string, program: string): Promise<Cost> {
  const script = `
    ${begin}
    const cpu = process.cpuUsage();
    const at = performance.now();
    ${program}
    const { user, system } = process.cpuUsage(cpu);
    const rssMb = process.memoryUsage().rss / 1e6;
    console.log(JSON.stringify({ wallMs: performance.now() - at, cpuMs: (user + system) / 1e3, rssMb }));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script]);
  return JSON.parse(stdout) as Cost;
}

async function median(name: string, begin: string, program: string): Promise<void> {
  const costs: Cost[] = [];
  for (let i = 0; i < 9; i++) costs.push(await cost(begin, program));
  const of = (key: keyof Cost): string =>
    (costs.map((each) => each[key]).toSorted((a, b) => a - b)[4] ?? Number.NaN).toFixed(0);
  console.log(`${name}: ${of('wallMs')} ms, ${of('cpuMs')} ms of processor time, ${of('rssMb')} MB in all`);
}

const config = JSON.stringify({
  clusters: [{ name: 'c', cluster: { server: 'https://server' } }],
  contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
  users: [],
  'current-context': 'x',
});
const load = `const utils = await import(${JSON.stringify(entry)});`;

const { stdout } = await run('npm', ['pack', '--dry-run', '--json'], { cwd: folder });
const [pack] = JSON.parse(stdout) as { size: number; unpackedSize: number; entryCount: number }[];
console.log(
  `package: ${((pack?.size ?? 0) / 1e3).toFixed(0)} kB packed, ${((pack?.unpackedSize ?? 0) / 1e6).toFixed(1)} MB in ${pack?.entryCount ?? 0} files`,
);
await median('an empty process', '', '');
await median('import', '', load);
await median('first client', load, `utils.KubeClient.fromString(${JSON.stringify(config)});`);
