import type { ClusterWaitOptions } from '../../src/cnpg/cluster.ts';

/** The first state that a wait reports. The wait is then given up, so that no test waits for a deadline. */
export async function firstState(start: (options: ClusterWaitOptions) => Promise<unknown>): Promise<string> {
  const controller = new AbortController();
  const first = Promise.withResolvers<string>();
  const onProgress = (state: string) => {
    first.resolve(state);
    controller.abort();
  };
  start({ timeoutMs: 60_000, signal: controller.signal, onProgress }).then(
    () => {
      first.reject(new Error('the wait came to its end'));
    },
    (error: unknown) => {
      first.reject(error instanceof Error ? error : new Error(String(error)));
    },
  );
  return await first.promise;
}
