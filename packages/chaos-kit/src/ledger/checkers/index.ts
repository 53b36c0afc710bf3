import { beyondFork } from './beyond-fork.ts';
import type { Checker } from './checker.ts';
import { dualAck } from './dual-ack.ts';
import { hole } from './hole.ts';

/** Every checker that is asked beside the comparison of what was acknowledged with what is there. */
export const CHECKERS: readonly Checker[] = [hole, beyondFork, dualAck];
