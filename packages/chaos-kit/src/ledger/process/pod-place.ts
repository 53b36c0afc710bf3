import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { execOk, execStream } from '@cnpg-chaos/cnpg-utils';
import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { LedgerProcessError } from '../errors.ts';
import { writerBundle } from './bundle.ts';
import { CLIENT_CONTAINER, WORK_DIR, clientPod } from './client-pod.ts';
import type { ClientPod } from './client-pod.ts';
import type { WriterPlace } from './link.ts';
import { ReattachingLink } from './reattaching-link.ts';

/** Options of `podPlace`. */
export interface PodPlaceOptions {
  readonly kube: KubeClient;
  /** Namespace of the pod; the one under test, so that the guard covers it. */
  readonly namespace: string;
  /** Name of the pod. Default: `chaos-client-` and a random part. */
  readonly name?: string | undefined;
  /** Node to run on, past the scheduler and every taint. Default: any. */
  readonly nodeName?: string | undefined;
  /** Labels beside those of the kit, by which faults can choose the pod. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** An image with Node 22.22 or newer as `node`. Default: the lab's client image. */
  readonly image?: string | undefined;
  /** Bound of scheduling, pulling and starting, in ms. Default 120 000. */
  readonly startTimeoutMs?: number | undefined;
}

/** Writers in a pod. */
export interface PodPlace extends WriterPlace {
  /** Name of the pod. */
  readonly podName: string;
}

const RUNNING_POLL_MS = 250;
const CONNECT_TIMEOUT_MS = 5000;
const DELETE_TIMEOUT_MS = 15_000;

const PUT = `const fs = require('node:fs');
fs.writeFileSync('${WORK_DIR}/part', fs.readFileSync(0));
fs.renameSync('${WORK_DIR}/part', '${WORK_DIR}/writers.cjs');`;

/**
 * The writers run in a pod, for instance on the primary's side of a partition. They are controlled by exec, which does not
 * use the network of the pod, and go on while that is cut; the history is copied here as it grows, or when the connection
 * is back. The pod is removed at the end. One ledger per place.
 */
export function podPlace(options: PodPlaceOptions): PodPlace {
  const { kube, namespace, startTimeoutMs = 120_000 } = options;
  const podName = options.name ?? `chaos-client-${randomBytes(4).toString('hex')}`;
  return {
    podName,
    async open({ signal }, handlers) {
      const pod = await clientPod({ ...options, name: podName }, signal);
      const target = { namespace, pod: podName, container: CLIENT_CONTAINER };
      const remove = (): Promise<void> => pod.remove(AbortSignal.timeout(DELETE_TIMEOUT_MS));
      try {
        const stdin = await writerBundle();
        await pod.create(signal);
        await running(pod, startTimeoutMs, signal);
        await execOk(kube, target, ['node', '-e', PUT], { stdin, signal });
      } catch (error) {
        await remove();
        throw error;
      }
      const command = ['node', `${WORK_DIR}/writers.cjs`, 'attach', WORK_DIR];
      return new ReattachingLink(
        {
          historyDir: `${WORK_DIR}/history`,
          attach: (limit) => execStream(kube, target, command, { timeoutMs: CONNECT_TIMEOUT_MS, signal: limit }),
          over: async (limit) => {
            const state = await pod.state(limit);
            return state.over ? `pod ${namespace}/${podName}: ${state.why}` : undefined;
          },
          remove,
        },
        handlers,
      );
    },
  };
}

async function running(pod: ClientPod, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const { phase, over, why } = await pod.state(signal);
    if (phase === 'Running') return;
    if (over || performance.now() > deadlineMs) {
      throw new LedgerProcessError(
        `pod ${pod.namespace}/${pod.name} does not run after ${timeoutMs} ms at most; last seen: ${why}`,
      );
    }
    await sleep(RUNNING_POLL_MS, undefined, { signal });
  }
}
