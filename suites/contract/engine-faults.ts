import {
  defineFault,
  failPod,
  type FaultContext,
  type OptionsSchema,
  podKilled,
  podReplaced,
  type PodTarget,
  replica,
  signalPostmaster,
} from '@cnpg-chaos/chaos-kit';
import { appCredentials, closeClient, connect, ConnectError } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';

// Faults of actions that an engine has beyond those that fixtures use.

async function newConnection(
  { kube, cluster, target }: FaultContext<OptionsSchema, PodTarget>,
  signal: AbortSignal,
): Promise<string> {
  const { user, password, database, ca } = await appCredentials(kube, cluster, { signal });
  const host = target.ip ?? '';
  const options = { host, user, password, database, ca, applicationName: 'contract-evidence', connectTimeoutMs: 1_500 };
  try {
    await closeClient(await connect({ ...options, signal }));
    return 'accepted';
  } catch (error) {
    if (error instanceof ConnectError) return error.failure;
    throw error;
  }
}

const healed = async (context: FaultContext<OptionsSchema, PodTarget>, signal: AbortSignal) => {
  const how = await newConnection(context, signal);
  return { seen: how === 'accepted', what: `a new connection to ${context.target.name}: ${how}` };
};

/** The postmaster of a replica stands still. */
export const postmasterStopped = defineFault({
  name: 'postmaster-stopped',
  options: z.object({}),
  target: replica(0),
  engines: { kubernetes: ({ target }) => signalPostmaster(target, 'STOP') },
  needs: { kubernetes: ['create pods/exec'] },
  evidence: {
    async effect(context, signal) {
      const how = await newConnection(context, signal);
      return { seen: how === 'timeout', what: `a new connection to ${context.target.name}: ${how}` };
    },
    healed,
  },
});

/** The postmaster of a replica is killed. */
export const postmasterKilled = defineFault({
  name: 'postmaster-killed',
  options: z.object({}),
  target: replica(0),
  engines: { kubernetes: ({ target }) => signalPostmaster(target, 'KILL') },
  needs: { kubernetes: ['create pods/exec'] },
  evidence: {
    async effect(context, signal) {
      const how = await newConnection(context, signal);
      return { seen: how !== 'accepted', what: `a new connection to ${context.target.name}: ${how}` };
    },
    healed,
  },
});

/** The pod of a replica is marked as failed, as a kubelet does that needs its resources. */
export const podFailed = defineFault({
  name: 'pod-failed',
  options: z.object({}),
  target: replica(1),
  engines: { kubernetes: ({ target }) => failPod(target) },
  needs: { kubernetes: ['patch pods/status'] },
  evidence: {
    effect: ({ kube, target }, signal) => podKilled(kube, target, signal),
    healed: ({ kube, target }, signal) => podReplaced(kube, target, signal),
  },
});
