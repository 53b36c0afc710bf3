import { z } from 'zod';
import type { Cluster } from './types.ts';

// Only what decisions depend on is checked; all else passes, so a newer operator does not break us.
const clusterSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: z.string(), uid: z.string() }),
  spec: z.looseObject({ instances: z.number().int().default(1) }),
  status: z
    .looseObject({
      instances: z.number().int().optional(),
      readyInstances: z.number().int().optional(),
      phase: z.string().optional(),
      phaseReason: z.string().optional(),
      currentPrimary: z.string().optional(),
      targetPrimary: z.string().optional(),
      timelineID: z.number().int().optional(),
      instanceNames: z.array(z.string()).nullish(),
      image: z.string().optional(),
    })
    .optional(),
});

/** A cluster object that does not have the shape this project relies on. */
export class UnexpectedClusterError extends Error {
  override readonly name = 'UnexpectedClusterError';
  readonly code = 'CNPG_UNEXPECTED_CLUSTER';
}

/**
 * Checks what this project relies on in a cluster that came from the API server.
 *
 * @throws UnexpectedClusterError naming each field
 */
export function checkCluster(object: unknown): Cluster {
  const result = clusterSchema.safeParse(object);
  if (!result.success) {
    throw new UnexpectedClusterError(
      `The Cluster object does not look like CloudNativePG 1.28-1.31 writes it:\n${z.prettifyError(result.error)}`,
      { cause: result.error },
    );
  }
  const cluster = object as Cluster;
  cluster.spec.instances ??= 1;
  return cluster;
}
