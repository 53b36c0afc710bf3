import { deleteNamespace, preservedPrefixes } from '../../src/index.ts';
import { labClient, namespace } from './lab.ts';

/**
 * Before the first test: there must be a server, which is worth one clear sentence instead of one error per test.
 * After the last: the namespace of the tests goes with all its clusters, unless `PRESERVE_NAMESPACES` keeps it.
 */
export default async function setup(): Promise<() => Promise<void>> {
  try {
    await using kube = labClient();
    await kube.version({ timeoutMs: 10_000 });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new Error(`no server to test against; start the lab with \`npx chaos-lab up\`: ${problem}`, { cause: error });
  }
  return async () => {
    if (preservedPrefixes().some((prefix) => namespace.startsWith(prefix))) return;
    await using kube = labClient();
    await deleteNamespace(kube, namespace);
  };
}
