import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { dumpCluster, formatDump, type Cluster, type KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { PostMortem } from '../observers/index.ts';
import { RunLogWriter } from '../report/run-log.ts';

/** Names the folder of a test in vitest's report folder. Nothing is there unless the test has an experiment, or fails. */
export interface FailureFiles {
  /** Also the id of the test's experiment. */
  readonly id: string;
  readonly folder: string;
  /**
   * For a test that failed: writes the dump of its cluster and the logs of its instances, and says where.
   *
   * @returns the files, relative to the folder
   */
  keep(test: string, postMortem: PostMortem): Promise<string[]>;
  /** Writes a dump of each cluster of a namespace, which is about to go. Never fails. */
  keepNamespace(kube: KubeClient, namespace: string): Promise<void>;
}

/** @param runLogPath the run log, beside which the folders are */
export function failureFiles(runLogPath: string): FailureFiles {
  const id = randomUUID();
  const folder = join(dirname(runLogPath), id);
  const say = (text: string): void => new RunLogWriter(runLogPath).write({ type: 'note', text });
  return {
    id,
    folder,
    keep: async (test, postMortem) => {
      const files = await postMortem.write(folder);
      say(`${test}: dump and logs are in ${relative(process.cwd(), folder)} (${files.join(', ')})`);
      return files;
    },
    keepNamespace: async (kube, namespace) => {
      try {
        const clusters = await kube.list<Cluster>({ apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster', namespace });
        for (const { metadata } of clusters) {
          const ref = { namespace, name: metadata?.name ?? '' };
          await mkdir(folder, { recursive: true });
          await writeFile(join(folder, `${namespace}-${ref.name}.txt`), formatDump(await dumpCluster(kube, ref)));
        }
      } catch (error) {
        say(`namespace ${namespace}: no dump: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  };
}
