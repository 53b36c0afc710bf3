import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { chaosLab } from './cli.ts';

async function said(...args: string[]): Promise<{ code: number; text: string }> {
  const parts: string[] = [];
  const code = await chaosLab(args, (text) => parts.push(text));
  return { code, text: parts.join('') };
}

test('help tells every command', async () => {
  const { code, text } = await said('--help');
  expect(code).toBe(0);
  for (const verb of ['up', 'status', 'down', 'kubeconfig', 'logs', 'exec', 'power', 'prune'])
    expect(text).toContain(`chaos-lab ${verb}`);
  expect(await said('help')).toEqual({ code: 0, text });
  expect(await said('help', 'up')).toEqual({ code: 0, text });
  expect(await said()).toEqual({ code: 2, text });
});

test.each([
  [['upp'], 'USAGE', "unknown command 'upp'"],
  [['up', 'now'], 'USAGE', "'up' takes no argument 'now'"],
  [['up', '--fast'], 'USAGE', "Unknown option '--fast'"],
  [['logs'], 'USAGE', 'logs needs a node'],
  [['logs', 'w9'], 'USAGE', "the lab has no node 'w9'"],
  [['logs', 'w1', '../x'], 'USAGE', "'../x' is no component name"],
  [['logs', 'w1', 'kubelet', '--lines', 'x'], 'USAGE', "--lines 'x' is no whole number"],
  [['power'], 'USAGE', 'power needs a node: control-plane, w1, w2, w3'],
  [['power', 'w1', 'dim'], 'USAGE', "'dim' is none of on, off, frozen"],
  [['up', '--name', 'A b'], 'INVALID_NAME', "lab name 'A b' is not valid"],
  [
    ['kubeconfig', '--name', 'no-such-lab'],
    'NO_LAB',
    "there is no lab 'no-such-lab'; bring it up with 'npx chaos-lab up'",
  ],
])('%j is refused with %s and says why', async (args, code, message) => {
  const failure = said(...args);
  await expect(failure).rejects.toThrow(expect.objectContaining({ code }));
  await expect(failure).rejects.toThrow(message);
});

test('the command itself runs from source, with an exit code and one line of error', () => {
  const bin = fileURLToPath(new URL('../bin/chaos-lab.js', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [bin, 'logs'], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 2, stderr: 'logs needs a node: control-plane, w1, w2 or w3\n' });
});
