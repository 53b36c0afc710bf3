import { NotFoundError } from '@cnpg-chaos/cnpg-utils';
import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { V1Node, V1Pod } from '@kubernetes/client-node';
import { managedByLabels } from '../../safety/labels.ts';
import { LedgerProcessError } from '../errors.ts';

/** Name of the container of a client pod. */
export const CLIENT_CONTAINER = 'client';
/** Directory of the program, its socket and its history. */
export const WORK_DIR = '/work';
/** Label of client pods, with the value `client`. */
export const COMPONENT_LABEL = 'app.kubernetes.io/component';

const LAB_IMAGE = /^cnpg-chaos\.lab\/client:/;
/** A pod that everybody has forgotten ends by itself after this time, in s. */
const MAX_LIFE_S = 6 * 60 * 60;

// Waits for the program to be put there, then becomes it.
const WAIT = `
const fs = require('node:fs');
const timer = setInterval(() => {
  if (!fs.existsSync('${WORK_DIR}/writers.cjs')) return;
  clearInterval(timer);
  process.argv = [process.argv[0], '${WORK_DIR}/writers.cjs', 'serve', '${WORK_DIR}'];
  require('${WORK_DIR}/writers.cjs');
}, 50);`;

/** How a client pod is. */
export interface ClientPodState {
  readonly phase: string;
  /** It will not run (any more). */
  readonly over: boolean;
  readonly why: string;
}

/** The pod that a client runs in. */
export interface ClientPod {
  readonly namespace: string;
  readonly name: string;
  create(signal: AbortSignal): Promise<void>;
  state(signal: AbortSignal): Promise<ClientPodState>;
  /** Removes it, if it is there. Does not reject: whoever sweeps finds it by its labels. */
  remove(signal: AbortSignal): Promise<void>;
}

/** Prepares a client pod; nothing is created yet. @throws LedgerProcessError when there is no image for it. */
export async function clientPod(
  o: {
    readonly kube: KubeClient;
    readonly namespace: string;
    readonly name: string;
    readonly nodeName?: string | undefined;
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly image?: string | undefined;
  },
  signal: AbortSignal,
): Promise<ClientPod> {
  const { kube, namespace, name, nodeName } = o;
  const image = o.image ?? (await labImage(kube, signal));
  const ref = { apiVersion: 'v1', kind: 'Pod', namespace, name };
  const manifest: V1Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { ...o.labels, ...managedByLabels, [COMPONENT_LABEL]: 'client' } },
    spec: {
      ...(nodeName === undefined ? {} : { nodeName }),
      restartPolicy: 'Never',
      activeDeadlineSeconds: MAX_LIFE_S,
      terminationGracePeriodSeconds: 2,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      tolerations: [{ operator: 'Exists' }],
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65_534,
        fsGroup: 65_534,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: CLIENT_CONTAINER,
          image,
          imagePullPolicy: 'IfNotPresent',
          command: ['node', '-e', WAIT],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          resources: { requests: { cpu: '100m', memory: '64Mi' } },
          volumeMounts: [{ name: 'work', mountPath: WORK_DIR }],
        },
      ],
      volumes: [{ name: 'work', emptyDir: {} }],
    },
  };
  return {
    namespace,
    name,
    async create(limit) {
      await kube.create(manifest, { signal: limit });
    },
    async state(limit) {
      try {
        return stateOf(await kube.get<V1Pod>(ref, { signal: limit }));
      } catch (error) {
        if (error instanceof NotFoundError) return { phase: 'Gone', over: true, why: 'it was deleted' };
        throw error;
      }
    },
    async remove(limit) {
      await kube.deleteIfExists(ref, { signal: limit, gracePeriodSeconds: 0 }).catch(() => false);
    },
  };
}

function stateOf({ metadata, status }: V1Pod): ClientPodState {
  const { phase = 'Unknown', reason, message, containerStatuses = [] } = status ?? {};
  const waiting = containerStatuses.map(({ state }) => state?.waiting?.reason ?? state?.terminated?.reason);
  const why = [phase, reason, message, ...waiting].filter((it) => it !== undefined && it !== '').join(', ');
  const ended = phase === 'Failed' || phase === 'Succeeded' || metadata?.deletionTimestamp !== undefined;
  return { phase: ended && phase === 'Running' ? 'Terminating' : phase, over: ended, why };
}

/** The lab imports its client image on every node, and nodes tell what they have. */
async function labImage(kube: KubeClient, signal: AbortSignal): Promise<string> {
  const nodes = await kube.list<V1Node>({ apiVersion: 'v1', kind: 'Node' }, { signal });
  const names = nodes.flatMap(({ status }) => status?.images ?? []).flatMap((image) => image.names ?? []);
  const image = names.find((it) => LAB_IMAGE.test(it));
  if (image === undefined) {
    throw new LedgerProcessError('no node has the client image of the lab: name an image with Node 22.22 or newer');
  }
  return image;
}
