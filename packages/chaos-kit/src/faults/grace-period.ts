import { z } from 'zod';

const form = 'a whole number of seconds, 0 or more';

/** Seconds a pod is given to stop. Default 0: it is killed at once. */
export const gracePeriodSeconds = z
  .int({ error: () => form })
  .min(0, { error: () => form })
  .default(0);
