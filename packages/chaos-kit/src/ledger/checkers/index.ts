import { beyondFork } from './beyond-fork.ts';
import type { Checker } from './checker.ts';
import { counted } from './counted.ts';
import { dualAck } from './dual-ack.ts';
import { hole } from './hole.ts';
import { lost, lostWeak } from './lost.ts';
import { power } from './power.ts';

/** Everything that a run is asked, in the order in which it is told. */
export const CHECKERS: readonly Checker[] = [lost, lostWeak, ...counted, hole, beyondFork, dualAck, power];
