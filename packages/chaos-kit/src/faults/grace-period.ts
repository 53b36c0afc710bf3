import { z } from 'zod';

const form = 'a whole number of seconds, 0 or more';

/** Seconds a pod is given to stop. Default 0: its object is removed at once and the kubelet kills it after 2 s. */
export const gracePeriodSeconds = z
  .int({ error: () => form })
  .min(0, { error: () => form })
  .default(0);
