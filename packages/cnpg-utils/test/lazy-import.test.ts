import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const index = fileURLToPath(new URL('../src/index.ts', import.meta.url));

/** Runs a program that has the package as `utils`; returns the modules of client-node that were loaded by its end. */
async function loadedBy(program: string): Promise<string[]> {
  const script = `
    import { registerHooks } from 'node:module';
    const seen = [];
    registerHooks({ load: (url, context, next) => { if (url.includes('/@kubernetes/client-node/')) seen.push(url); return next(url, context); } });
    const utils = await import(${JSON.stringify(index)});
    ${program}
    console.log(JSON.stringify(seen));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  return JSON.parse(stdout) as string[];
}

test('what talks to no API server does not load the Kubernetes client', { timeout: 30_000 }, async () => {
  const program = `
    utils.parseLsn('0/1');
    utils.buildCluster({ name: 'db' }, { profile: 'sync' });`;
  await expect(loadedBy(program)).resolves.toEqual([]);
  const config = JSON.stringify({
    clusters: [{ name: 'c', cluster: { server: 'https://server' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    users: [],
    'current-context': 'x',
  });
  await expect(loadedBy(`utils.KubeClient.fromString(${JSON.stringify(config)});`)).resolves.not.toEqual([]);
});
