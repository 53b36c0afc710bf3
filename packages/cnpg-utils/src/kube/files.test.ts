import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeApiServer } from '../../test/support/fake-api-server.ts';
import { ExecFailedError } from './exec-errors.ts';
import { KubeClient } from './client.ts';
import { directoryIsEmpty, fileExists } from './files.ts';

let server: FakeApiServer;
let kube: KubeClient;
let folder: string;
const target = { namespace: 'team', pod: 'db-1', container: 'postgres' };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'files-'));
  server = await FakeApiServer.start();
  kube = KubeClient.fromString(server.kubeconfig);
  // The commands run here, so that what they really do is tested.
  server.execHandler = (socket, request) => {
    const [program = '', ...args] = request.query.getAll('command');
    spawn(program, args).on('close', (code) => {
      const causes = [{ reason: 'ExitCode', message: String(code) }];
      const failure = { status: 'Failure', reason: 'NonZeroExitCode', details: { causes } };
      socket.send(
        Buffer.concat([Buffer.of(3), Buffer.from(JSON.stringify(code === 0 ? { status: 'Success' } : failure))]),
      );
    });
  };
});
afterEach(async () => {
  await kube.close();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test('a file exists; a directory is none', async () => {
  const path = join(folder, "it's a file");
  await writeFile(path, '');
  await expect(fileExists(kube, target, path)).resolves.toBe(true);
  await expect(fileExists(kube, target, folder)).resolves.toBe(false);
  await expect(fileExists(kube, target, join(folder, 'none'))).resolves.toBe(false);
});

test('a directory is empty until something is in it, hidden or not', async () => {
  await expect(directoryIsEmpty(kube, target, folder)).resolves.toBe(true);
  for (const name of ['file', '.hidden', '..two dots']) {
    await writeFile(join(folder, name), '');
    await expect(directoryIsEmpty(kube, target, folder)).resolves.toBe(false);
    await rm(join(folder, name));
  }
  await symlink('nowhere', join(folder, 'link'));
  await expect(directoryIsEmpty(kube, target, folder)).resolves.toBe(false);
});

test('what is no directory is an error, not an empty one', async () => {
  await mkdir(join(folder, 'sub'));
  await expect(directoryIsEmpty(kube, target, join(folder, 'none'))).rejects.toBeInstanceOf(ExecFailedError);
});
