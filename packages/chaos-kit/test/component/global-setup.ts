import { buildOperandImage, TerminalProgress } from '@cnpg-chaos/chaos-lab';
import type { BuiltImage } from '@cnpg-chaos/chaos-lab';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import type { StartedTestContainer } from 'testcontainers';
import type { TestProject } from 'vitest/node';
import { run } from './container-host.ts';
import type { ContainerHost } from './container-host.ts';
import { ROOT, SMALL, initTemplateScript } from './postgres-config.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresHosts: ContainerHost[];
  }
}

const LABEL = 'cnpg-chaos/component-test';
const HOSTS = 3;

/**
 * Starts the containers in which the component tests run their PostgreSQL servers, once for all files. What an earlier
 * run left behind when it was killed is removed first.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // The image of testcontainers' own reaper comes from a registry, which may not be reachable; we sweep by label instead.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  const image = await buildOperandImage({ progress: new TerminalProgress() });
  await sweep();
  const containers = await Promise.all(Array.from({ length: HOSTS }, () => start(image)));
  const hosts = containers.map((it) => ({ id: it.getId(), address: it.getIpAddress('bridge') }));
  await Promise.all(hosts.map((host) => run(host, initTemplateScript)));
  project.provide('postgresHosts', hosts);
  return async () => {
    await Promise.all(containers.map((it) => it.stop({ timeout: 0 })));
  };
}

async function start(image: BuiltImage): Promise<StartedTestContainer> {
  const { GenericContainer, Wait } = await import('testcontainers');
  class Host extends GenericContainer {
    constructor() {
      super(image.ref);
      // without an init process a killed server would stay a zombie and keep its lock files
      this.hostConfig.Init = true;
    }
  }
  return await new Host()
    .withLabels({ [LABEL]: owner() })
    .withTmpFs({
      [ROOT]: 'rw,size=4g,uid=26,gid=26,mode=0700',
      [SMALL]: 'rw,size=160m,uid=26,gid=26,mode=0700',
    })
    .withSharedMemorySize(256 * 1024 * 1024)
    .withCommand(['bash', '-c', 'echo ready; exec sleep infinity'])
    .withWaitStrategy(Wait.forLogMessage('ready'))
    .start();
}

/** Names the process that has to remove a container: another run on this machine is left alone. */
function owner(): string {
  return `${hostname()}:${process.pid}`;
}

async function sweep(): Promise<void> {
  const { getContainerRuntimeClient } = await import('testcontainers');
  const { dockerode } = (await getContainerRuntimeClient()).container;
  const found = await dockerode.listContainers({ all: true, filters: { label: [LABEL] } });
  for (const { Id, Labels } of found) {
    const [host, pid] = Labels[LABEL]?.split(':') ?? [];
    if (host !== hostname() || pid === undefined || existsSync(`/proc/${pid}`)) continue;
    // it may be gone already: another run sweeps too
    await dockerode
      .getContainer(Id)
      .remove({ force: true, v: true })
      .catch(() => undefined);
  }
}
