import { amcheck } from './amcheck.ts';
import { beyondFork } from './beyond-fork.ts';
import type { Checker } from './checker.ts';
import { checksums } from './checksums.ts';
import { counted } from './counted.ts';
import { dualAck } from './dual-ack.ts';
import { hole } from './hole.ts';
import { lost, lostWeak } from './lost.ts';
import { power } from './power.ts';
import { readOnly } from './read-only.ts';
import { replicaCompare } from './replica-compare.ts';
import { resurrected } from './resurrected.ts';
import { staleRead } from './stale-read.ts';
import { timeTravel } from './time-travel.ts';
import { twoPrimaries } from './two-primaries.ts';
import { vanished } from './vanished.ts';

/** Everything that a run is asked, in the order in which it is told. */
export const CHECKERS: readonly Checker[] = [
  lost,
  lostWeak,
  ...counted,
  hole,
  beyondFork,
  dualAck,
  twoPrimaries,
  vanished,
  resurrected,
  staleRead,
  timeTravel,
  readOnly,
  replicaCompare,
  amcheck,
  checksums,
  power,
];
