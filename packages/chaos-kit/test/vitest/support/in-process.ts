import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterHealth, KubeClient } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import type { ClusterUnderTest } from '../../../src/cluster/cluster-under-test.ts';
import { profiles } from '../../../src/cluster/profile.ts';
import type { ProfileName } from '../../../src/cluster/profile.ts';
import type { ExperimentSubject } from '../../../src/experiment/subject.ts';
import { defineFault } from '../../../src/faults/fault.ts';
import { fixture } from '../../../src/faults/fixture.ts';
import type { LedgerCounts, LedgerVerification } from '../../../src/ledger/index.ts';
import type { PostMortem } from '../../../src/observers/index.ts';
import { bind, test as base } from '../../../src/vitest/index.ts';
import type { TestLedger } from '../../../src/vitest/index.ts';
import { pathOf } from './file-engine.ts';
import { brokenIn } from './world.ts';

const world = process.cwd();

const target = { kind: 'pod', role: 'primary', namespace: 'in-process', name: 'p-1', uid: 'uid-1' } as const;

/** A fault that breaks a file. */
export const fileBroken = defineFault({
  name: 'file-broken',
  options: z.object({
    id: z.string().default('a'),
    /** How long the act takes. */
    actMs: z.number().default(0),
    undoMs: z.number().default(0),
    /** Claims to act, and does nothing. */
    nothing: z.boolean().default(false),
    stuck: z.boolean().default(false),
    /** How long it cannot be undone. */
    frozenMs: z.number().default(0),
  }),
  target: { description: 'the file', resolve: () => Promise.resolve([target]) },
  engines: {
    kubernetes: ({ options }) => ({
      summary: `break ${options.id}`,
      plan: () => ({
        undo: [
          {
            kind: 'mend',
            data: {
              id: options.id,
              undoMs: options.undoMs,
              stuck: options.stuck,
              thawsAt: options.frozenMs === 0 ? 0 : Date.now() + options.frozenMs,
            },
          },
        ],
        async act() {
          // Broken first, slow afterwards: what is half done must be healed as well.
          if (!options.nothing) writeFileSync(pathOf(options.id), '');
          await sleep(options.actMs);
          return {};
        },
      }),
    }),
  },
  evidence: {
    effect: ({ options }) => Promise.resolve({ seen: existsSync(pathOf(options.id)), what: `file ${options.id}` }),
    healed: ({ options }) =>
      Promise.resolve({ seen: !existsSync(pathOf(options.id)), what: `file ${options.id} gone` }),
    effectWithin: '300ms',
  },
});

const withFileBroken = fixture(fileBroken);

const counts: LedgerCounts = {
  attempted: 500,
  acknowledged: 500,
  acknowledgedWeak: 0,
  failed: 0,
  unknown: 0,
  dropped: 0,
  rows: 500,
  present: 500,
  lost: 0,
  lostWeak: 0,
  unexpected: 0,
  duplicated: 0,
  corrupted: 0,
  phantomFail: 0,
  recovered: 0,
};

/** What the stand-in ledger is to find. */
export interface Script extends Partial<
  Pick<LedgerVerification, 'verdict' | 'integrity' | 'reasons' | 'zeroLossClaim' | 'lossByOrigin'>
> {
  counts?: Partial<LedgerCounts>;
  recoveryMs?: number;
  writeGapMs?: number;
}

function verificationOf(script: Script): LedgerVerification {
  return {
    verdict: 'pass',
    integrity: 'pass',
    reasons: [],
    zeroLossClaim: { allowed: true, reason: 'scripted' },
    lossByOrigin: [],
    checks: [],
    ...script,
    counts: { ...counts, ...script.counts },
    lost: [],
    unexpected: [],
    corrupted: [],
    durability: { inForce: [], sessions: [], sessionCount: 0, standbys: [] },
    timelines: [1],
    origins: [],
    failures: [],
    readFrom: { server: 'p-1', timeline: 1 },
    notes: [],
    durationMs: 1,
  };
}

function ledgerOf(script: Script): TestLedger {
  const verification = verificationOf(script);
  const ledger: Partial<TestLedger> & AsyncDisposable = {
    progress: {
      attempted: 500,
      acked: 500,
      ackedWeak: 0,
      failed: 0,
      unknown: 0,
      inFlight: 0,
      backlog: 0,
      dropped: 0,
      connectFailed: 0,
      acksPerSecond: 100,
      msSinceLastAck: 12,
    },
    waitForAcks: () => Promise.resolve(),
    waitForRecovery: () => Promise.resolve({ recoveryMs: script.recoveryMs ?? 40, confirmed: true, resolutionMs: 10 }),
    recovery: () => ({ recoveryMs: script.recoveryMs ?? 40, confirmed: true, resolutionMs: 10 }),
    recoveryTime: () => script.recoveryMs ?? 40,
    writeGap: (fromMs = 0, toMs = 0) => ({
      startMs: fromMs,
      endMs: toMs,
      lengthMs: script.writeGapMs ?? 50,
      resolutionMs: 10,
    }),
    stop: () => Promise.resolve(),
    verify: () => Promise.resolve(verification),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return ledger as TestLedger;
}

const healthy = { healthy: true, problems: [] } as unknown as ClusterHealth;
const broken = { healthy: false, problems: ['a file is broken'] } as unknown as ClusterHealth;
const never = { healthy: false, problems: ['never healthy'] } as unknown as ClusterHealth;

function subjectOf(profile: ProfileName, health: () => ClusterHealth): ExperimentSubject {
  return {
    // No part of these specs talks to Kubernetes.
    kube: {} as KubeClient,
    namespace: 'in-process',
    name: 'pg',
    profile: profiles[profile],
    authorize: () => Promise.resolve(),
    health: () => Promise.resolve(health()),
    assertTargetsUnchanged: () => Promise.resolve(),
    follow: () => Promise.resolve({ samples: [], blind: [], stop: () => Promise.resolve() }),
    remember: () => {},
    finalReader: () => ({ instances: () => Promise.resolve([]) }),
  };
}

function clusterOf(profile: ProfileName): ClusterUnderTest {
  const subject = subjectOf(profile, () => (brokenIn(world).length === 0 ? healthy : broken));
  return { ...subject, postMortem } as ClusterUnderTest;
}

function postMortem(): PostMortem {
  return {
    write: (folder) => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'dump.txt'), 'what was known');
      return Promise.resolve(['dump.txt']);
    },
    stop: () => Promise.resolve(),
  };
}

/** A cluster that does not come back after a fault. */
export const neverHealthy = subjectOf('sync', () => never) as ClusterUnderTest;

/** The extended `test` on a world of files: everything is real but the cluster, the ledger and the engines. */
export const test = base
  .extend('script', {} as Script)
  .extend('cluster', ({ profile }) => clusterOf(profile))
  .extend(
    'startLedger',
    ({ script }) =>
      () =>
        Promise.resolve(ledgerOf(script)),
  )
  .extend('withFileBroken', ({ chaos }) => bind(chaos, withFileBroken));
