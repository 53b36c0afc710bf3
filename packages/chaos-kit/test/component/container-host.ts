import { setTimeout as sleep } from 'node:timers/promises';
import { getContainerRuntimeClient } from 'testcontainers';

/** A container that can run PostgreSQL instances, as the test files get to know it. */
export interface ContainerHost {
  readonly id: string;
  /** Address on the Docker bridge: reached directly, so that a closed port refuses as a real server's does. */
  readonly address: string;
}

/** Runs a bash script in the container; rejects with its output when it fails. */
export async function run(host: ContainerHost, script: string): Promise<string> {
  const client = await getContainerRuntimeClient();
  const container = client.container.getById(host.id);
  const { exitCode, output, stdout } = await client.container.exec(container, ['bash', '-ec', script]);
  if (exitCode !== 0) throw new Error(`exit code ${exitCode} of: ${script}\n${output}`);
  return stdout;
}

/** Asks until the answer is not `undefined`. */
export async function until<T>(what: string, probe: () => Promise<T | undefined>, timeoutMs = 15_000): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${timeoutMs} ms`, { cause: last });
    await sleep(20);
  }
}
