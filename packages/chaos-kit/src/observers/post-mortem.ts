import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  dumpCluster,
  formatDump,
  operatorLogs,
  tailLogs,
  type KubeClient,
  type LogLine,
  type LogTail,
  type NamespacedName,
} from '@cnpg-chaos/cnpg-utils';

/** What helps to see, after a test has failed, why a cluster did what it did. */
export interface PostMortem {
  /**
   * Writes what is known into a folder: `dump.txt` and `dump.json` (the cluster as it is now), `logs/<pod>-<start of its
   * UID>.log` of each instance pod, those that are gone included, and `logs/<pod>.log` of the operator.
   *
   * @returns the files, relative to the folder. What could not be read is told in `problems.txt`; this never fails because
   * the cluster is broken, and takes at most a minute.
   */
  write(folder: string): Promise<string[]>;
  /** Stops following logs. */
  stop(): Promise<void>;
}

/** Options of {@link beginPostMortem}. */
export interface PostMortemOptions {
  operatorNamespace?: string;
  /** Lines to keep of all pods together; the oldest go first. @default 20000 */
  keepLines?: number;
}

// Clocks of nodes may differ from ours.
const CLOCK_MARGIN_MS = 10_000;
const READ_TIMEOUT_MS = 10_000;

/** Begins to follow the logs of a cluster's instances: once a pod is deleted, nobody has its log any more. */
export function beginPostMortem(kube: KubeClient, ref: NamespacedName, options: PostMortemOptions = {}): PostMortem {
  const { operatorNamespace, keepLines = 20_000 } = options;
  const begunMs = Date.now();
  const tail = tailLogs(kube, {
    namespace: ref.namespace,
    labelSelector: `cnpg.io/cluster=${ref.name},cnpg.io/podRole=instance`,
    containers: ['postgres'],
    sinceTime: new Date(begunMs - CLOCK_MARGIN_MS).toISOString(),
    keepLines,
  });
  const place = operatorNamespace === undefined ? {} : { namespace: operatorNamespace };
  return {
    write: async (folder) => {
      const sinceSeconds = Math.ceil((Date.now() - begunMs + CLOCK_MARGIN_MS) / 1000);
      const files: Record<string, string> = {};
      const problems: string[] = [];
      await Promise.all([
        attempt('dump', problems, async () => {
          const dump = await dumpCluster(kube, ref, { timeoutMs: READ_TIMEOUT_MS });
          files['dump.txt'] = formatDump(dump);
          files['dump.json'] = `${JSON.stringify(dump, undefined, 2)}\n`;
        }),
        attempt('log of the operator', problems, async () => {
          const logs = await operatorLogs(kube, { ...place, sinceSeconds, timeoutMs: READ_TIMEOUT_MS });
          for (const [pod, text] of Object.entries(logs)) files[join('logs', `${pod}.log`)] = text;
        }),
      ]);
      Object.assign(files, logFiles(tail));
      problems.push(...tail.problems);
      if (tail.dropped > 0) problems.push(`the first ${tail.dropped} lines of the logs were dropped`);
      if (problems.length > 0) files['problems.txt'] = `${problems.join('\n')}\n`;
      await mkdir(join(folder, 'logs'), { recursive: true });
      await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
      return Object.keys(files).toSorted();
    },
    stop: () => tail.close(),
  };
}

async function attempt(what: string, problems: string[], read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function logFiles({ lines }: LogTail): Record<string, string> {
  const byPod = Map.groupBy(lines, ({ pod, uid }: LogLine) => join('logs', `${pod}-${uid.slice(0, 8)}.log`));
  return Object.fromEntries(
    [...byPod].map(([name, of]) => [name, of.map(({ writtenAt, text }) => `${writtenAt} ${text}\n`).join('')]),
  );
}
