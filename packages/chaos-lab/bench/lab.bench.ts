// How long the lab takes and what it costs when idle. Prints figures, asserts nothing.
// Uses a lab of its own beside the one in use; `--cold` also builds everything into an empty cache (ten minutes and more),
// `--idle <seconds>` sets the length of the idle measurement (default 60), `--use <name>` measures only a lab that is up.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { down, status, TerminalProgress, up } from '../src/index.ts';

interface ContainerStats {
  cpu_stats: { cpu_usage: { total_usage: number } };
  memory_stats: { usage: number; stats: Record<string, number> };
}

const { values } = parseArgs({
  options: {
    cold: { type: 'boolean', default: false },
    idle: { type: 'string', default: '60' },
    use: { type: 'string' },
  },
});
const idleSeconds = Number(values.idle);
if (!(idleSeconds > 0)) throw new Error(`--idle '${values.idle}' is no number of seconds`);
const name = values.use ?? 'bench';
const rows: [what: string, value: string, limit: string][] = [];
const note = (text: string): void => void process.stderr.write(`${text}\n`);

async function timed(what: string, limit: string, run: () => Promise<unknown>): Promise<void> {
  const started = performance.now();
  await run();
  const seconds = `${((performance.now() - started) / 1000).toFixed(1)} s`;
  rows.push([what, seconds, limit]);
  note(`--- ${what}: ${seconds}`);
}

const bringUp = (): Promise<unknown> => up({ name, progress: new TerminalProgress() });

async function statsOf(container: string): Promise<ContainerStats> {
  const { promise, resolve, reject } = Promise.withResolvers<ContainerStats>();
  const socketPath = process.env['DOCKER_HOST']?.replace('unix://', '') ?? '/var/run/docker.sock';
  const path = `/containers/${container}/stats?stream=false&one-shot=true`;
  request({ socketPath, path }, (response) => {
    json(response).then((body) => resolve(body as ContainerStats), reject);
  })
    .on('error', reject)
    .end();
  return promise;
}

async function measureIdle(): Promise<void> {
  const containers = (await status({ name })).nodes.map((node) => node.container);
  const before = await Promise.all(containers.map(statsOf));
  const started = performance.now();
  await sleep(idleSeconds * 1000);
  const after = await Promise.all(containers.map(statsOf));
  const elapsed = (performance.now() - started) / 1000;
  let cores = 0;
  let bytes = 0;
  for (const [index, container] of containers.entries()) {
    const last = after[index];
    const first = before[index];
    if (!last || !first) continue;
    const used = (last.cpu_stats.cpu_usage.total_usage - first.cpu_stats.cpu_usage.total_usage) / 1e9 / elapsed;
    // Page cache that nobody has used for a while is the host's to take, as `docker stats` counts it.
    const cache = last.memory_stats.stats['total_inactive_file'] ?? last.memory_stats.stats['inactive_file'] ?? 0;
    const memory = last.memory_stats.usage - cache;
    cores += used;
    bytes += memory;
    rows.push([`  ${container}`, `${used.toFixed(3)} cores, ${mebibytes(memory)}`, '']);
  }
  rows.push([`idle CPU over ${idleSeconds} s`, `${cores.toFixed(3)} cores`, '≤ 0.15 cores']);
  rows.push(['idle memory', mebibytes(bytes), '≤ 1536 MiB']);
}

const mebibytes = (count: number): string => `${Math.round(count / 1024 / 1024)} MiB`;

note(`${cpus().length} cores, ${mebibytes(totalmem())} memory, load ${loadavg()[0]?.toFixed(1)} before the start`);
const emptyCache = values.cold ? mkdtempSync(join(tmpdir(), 'lab-bench-')) : undefined;
try {
  if (values.use === undefined) {
    await down({ name });
    if (emptyCache !== undefined) {
      const cache = process.env['XDG_CACHE_HOME'];
      process.env['XDG_CACHE_HOME'] = emptyCache;
      await timed('cold start: empty cache, no containers', '≤ 15 min', bringUp);
      if (cache === undefined) delete process.env['XDG_CACHE_HOME'];
      else process.env['XDG_CACHE_HOME'] = cache;
      await down({ name });
    }
    await bringUp(); // fills the cache when it is empty
    await down({ name });
    await timed('warm start: cache there, no containers', '≤ 75 s', bringUp);
  }
  await timed('nothing to do', '< 3 s', bringUp);
  note(`--- idle for ${idleSeconds} s`);
  await sleep(30_000); // what start-up left to do is not idling
  await measureIdle();
  if (values.use === undefined) {
    await timed('repair: all nodes killed', '', async () => {
      execFileSync('docker', ['kill', ...(await status({ name })).nodes.map((node) => node.container)]);
      await bringUp();
    });
    await timed('down', '', () => down({ name }));
  }
} finally {
  if (emptyCache !== undefined) rmSync(emptyCache, { recursive: true, force: true });
}
process.stdout.write(
  rows.map(([what, value, limit]) => `${what.padEnd(44)} ${value.padEnd(24)} ${limit}`.trimEnd()).join('\n'),
);
process.stdout.write('\n');
