import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type ChaosConfigInput, defineChaosConfig } from '../config/chaos-config.ts';
import type { EngineProblem, UndoEntry } from '../engines/engine.ts';
import { EngineError, EngineUnavailableError } from '../engines/engine-error.ts';
import { defineFault, FaultOptionsError } from '../faults/fault.ts';
import { fixture } from '../faults/fixture.ts';
import { BlastRadiusError } from '../safety/blast-radius.ts';
import { JournalError } from '../safety/journal/journal-error.ts';
import { GuardError } from '../safety/guard-error.ts';
import { fakeAction, fakeEngine, fakeEngines, neverKube } from '../../test/fakes/fake-engine.ts';
import { type ResolvedTarget, TargetChangedError, TargetError } from '../targets/target.ts';
import { Experiment, type ExperimentLedger } from './experiment.ts';
import {
  ExperimentOverError,
  FaultConflictError,
  HealError,
  NoEffectError,
  SteadyStateError,
} from './experiment-error.ts';
import { type Journal, MemoryJournal } from './journal.ts';
import type { FaultFacts, LedgerVerification } from '../ledger/index.ts';
import type { ExperimentSubject } from './subject.ts';

const target: ResolvedTarget = { kind: 'pod', role: 'primary', namespace: 'n', name: 'pg-1', uid: 'u1' };

/** One experiment whose engine is this process: `log` has what was done to it, in order. */
function setUp(
  parts: {
    act?: (signal: AbortSignal) => Promise<void>;
    undo?: (entry: UndoEntry, signal: AbortSignal) => Promise<string>;
    effect?: () => boolean;
    healed?: () => boolean;
    healthy?: () => boolean;
    problems?: readonly EngineProblem[];
    changed?: boolean;
    forbidden?: boolean;
    undoLimitMs?: number;
    targets?: readonly ResolvedTarget[];
    maxTargets?: number;
    occupies?: readonly string[];
    controlPlane?: boolean;
    config?: ChaosConfigInput;
    journal?: Journal;
    ledger?: ExperimentLedger;
  } = {},
) {
  const log: string[] = [];
  const journal = new MemoryJournal();
  const abort = new AbortController();
  const deferred: (() => Promise<void>)[] = [];
  const make = (name: string) =>
    defineFault({
      name,
      options: z.object({ size: z.int().min(0).default(0) }),
      target: { description: 'primary', resolve: () => Promise.resolve(parts.targets ?? [target]) },
      ...(parts.maxTargets === undefined ? {} : { maxTargets: parts.maxTargets }),
      occupies: () => parts.occupies ?? [],
      blast: { controlPlane: parts.controlPlane ?? false },
      engines: {
        kubernetes: () =>
          fakeAction(
            [
              { kind: `${name}-1`, data: {} },
              { kind: `${name}-2`, data: {} },
            ],
            async (signal) => {
              log.push(`act ${name} with ${journal.open().length} open`);
              await parts.act?.(signal);
            },
          ),
      },
      evidence: {
        effect: () => Promise.resolve({ seen: parts.effect?.() ?? true, what: 'looked for the effect' }),
        healed: () => Promise.resolve({ seen: parts.healed?.() ?? true, what: 'looked for healing' }),
        effectWithin: 20,
        healedWithin: 20,
      },
    });
  const engine = fakeEngine({
    ...(parts.problems === undefined ? {} : { problems: parts.problems }),
    undo: async (entry, signal) => {
      log.push(`undo ${entry.kind}`);
      return (await parts.undo?.(entry, signal)) ?? 'undone';
    },
  });
  const cluster: ExperimentSubject = {
    kube: neverKube,
    namespace: 'n',
    name: 'c',
    profile: { name: 'sync', zeroLoss: false },
    authorize: () => (parts.forbidden === true ? Promise.reject(new GuardError('not listed')) : Promise.resolve()),
    health: () => {
      const healthy = parts.healthy?.() ?? true;
      const problems = healthy ? [] : ['a standby does not stream'];
      const facts = {
        phase: '',
        phaseReason: '',
        wantedInstances: 3,
        readyInstances: 3,
        instances: [],
        readWriteEndpoints: [],
      };
      return Promise.resolve({ healthy, problems, facts });
    },
    assertTargetsUnchanged: () =>
      parts.changed === true ? Promise.reject(new TargetChangedError(target, 'is gone')) : Promise.resolve(),
    follow: () => Promise.resolve({ samples: [], blind: [], stop: () => Promise.resolve() }),
    remember: () => {},
    finalReader: () => ({ instances: () => Promise.resolve([]) }),
  };
  const experiment = new Experiment({
    name: 'test',
    cluster,
    config: defineChaosConfig({
      ...parts.config,
      waits: { steadyState: 1_000, recover: 1_000, undo: parts.undoLimitMs ?? 50 },
    }),
    seed: 1,
    signal: abort.signal,
    defer: (end) => void deferred.push(end),
    journal: parts.journal ?? journal,
    engines: fakeEngines(engine),
    healthPollMs: 1,
    ledger: parts.ledger,
  });
  const end = async () => {
    for (const one of deferred) await one();
  };
  return { experiment, log, journal, abort, end, fault: make('first'), other: make('second') };
}

describe('the ledger is told', () => {
  test('of each fault when its effect was seen, and of all of them at the end', async () => {
    const noted: (readonly FaultFacts[])[] = [];
    let verified: readonly FaultFacts[] | undefined;
    const counts = { acknowledged: 1, lost: 0, unexpected: 0, duplicated: 0 };
    const ledger: Partial<ExperimentLedger> = {
      noteFaults: (faults) => void noted.push(faults),
      verify: async ({ faults }) => {
        verified = faults;
        return { verdict: 'pass', integrity: 'pass', reasons: [], counts } as unknown as LedgerVerification;
      },
    };
    const { experiment, fault, other } = setUp({ ledger: ledger as ExperimentLedger });
    const before = performance.now();
    await experiment.inject(fault, {});
    await experiment.inject(other, {});
    await experiment.verifyLedger();
    expect(noted.map((faults) => faults.map(({ what }) => what))).toEqual([['first'], ['first', 'second']]);
    expect(verified).toEqual(noted[1]);
    expect(verified?.[0]?.atMs).toBeGreaterThanOrEqual(before);
    expect(verified?.[0]?.effectAtMs).toBeGreaterThanOrEqual(verified?.[0]?.atMs ?? Infinity);
  });
});

describe('a fault that goes well', () => {
  test('is journalled before it is done, undone in reverse, and passes', async () => {
    const { experiment, fault, log, journal, end } = setUp();
    const withFirst = fixture(fault);
    const run = await withFirst(experiment, {}, (active) => {
      log.push(`body sees ${active.evidence.what}`);
    });
    await end();
    expect(log).toEqual(['act first with 2 open', 'body sees looked for the effect', 'undo first-2', 'undo first-1']);
    expect(journal.open()).toEqual([]);
    expect(run.faults[0]?.healing?.what).toBe('looked for healing');
    expect(experiment.verdict()).toBe('pass');
    expect(experiment.timeline.spans.map((span) => span.phase)).toEqual([
      'preflight',
      'steady-state',
      'inject',
      'hold',
      'heal',
      'recover',
    ]);
  });

  test('heals once however often it is asked, also by await using', async () => {
    const { experiment, fault, log } = setUp();
    {
      await using active = await experiment.inject(fault, {});
      await active.heal();
      await active.heal();
    }
    await experiment.end();
    expect(log.filter((line) => line.startsWith('undo'))).toEqual(['undo first-2', 'undo first-1']);
  });

  test('nested faults are undone from the inside out and only the outer one waits for health', async () => {
    let looks = 0;
    const { experiment, fault, other, log } = setUp({ healthy: () => ++looks > 0 });
    await experiment.runFault(fault, {}, () => experiment.runFault(other, {}, () => {}));
    expect(log.filter((line) => line.startsWith('undo'))).toEqual([
      'undo second-2',
      'undo second-1',
      'undo first-2',
      'undo first-1',
    ]);
    // twice before and twice after the outer one
    expect(looks).toBe(4);
  });
});

describe('a fault that is refused touches nothing', () => {
  test.each([
    ['the guard', { forbidden: true }, GuardError],
    ['an engine that is not there', { problems: [{ missing: 'API', remedy: 'check' }] }, EngineUnavailableError],
    ['a cluster that is not healthy', { healthy: () => false }, SteadyStateError],
  ])('by %s', async (_who, parts, error) => {
    const { experiment, fault, log, journal } = setUp(parts);
    await expect(experiment.runFault(fault, {}, () => {})).rejects.toThrow(error);
    expect(log).toEqual([]);
    expect(journal.open()).toEqual([]);
    expect(experiment.verdict()).toBe('inconclusive');
  });

  test('by its options', async () => {
    const { experiment, fault, log } = setUp();
    await expect(experiment.inject(fault, { size: -1 })).rejects.toThrow(FaultOptionsError);
    expect(log).toEqual([]);
  });

  test('by a target that changed meanwhile: it is not acted upon', async () => {
    const { experiment, fault, log } = setUp({ changed: true });
    await expect(experiment.inject(fault, {})).rejects.toThrow(TargetChangedError);
    expect(log.some((line) => line.startsWith('act'))).toBe(false);
    expect(experiment.verdict()).toBe('inconclusive');
  });
});

describe('bad input touches nothing', () => {
  const three = ['u1', 'u2', 'u3'].map((uid): ResolvedTarget => ({ ...target, name: uid, uid }));

  test.each([
    ['a target that resolves to nothing', { targets: [] }, {}, TargetError, 'primary resolved to nothing'],
    [
      'more targets than the fault may hit',
      { targets: three },
      {},
      TargetError,
      'it may hit 1 at once, but its target resolved to 3',
    ],
    [
      'more pods than the configuration allows',
      { targets: three, maxTargets: 3, config: { blast: { pods: 2 } } },
      {},
      BlastRadiusError,
      '3 pods would be hit',
    ],
    [
      'the control plane of a cluster that is no lab',
      { controlPlane: true },
      {},
      BlastRadiusError,
      'breaks the control plane',
    ],
    [
      'a ttl shorter than the hold',
      {},
      { ttl: '5s', holdFor: '6s' },
      FaultOptionsError,
      'ttl: got 5.0 s, expected more than holdFor, which is 6.0 s',
    ],
    [
      'a hold longer than the ttl of the configuration',
      { config: { ttl: '1m' } },
      { holdFor: '1m' },
      FaultOptionsError,
      '1m00s (from chaos.config.ts)',
    ],
    ['a duration without a unit', {}, { holdFor: '30' }, FaultOptionsError, 'holdFor: got "30", expected a duration'],
  ])('%s', async (_what, parts, options, error, message) => {
    for (const run of [
      ({ experiment, fault }: ReturnType<typeof setUp>) => experiment.inject(fault, options),
      ({ experiment, fault }: ReturnType<typeof setUp>) => experiment.runFault(fault, options, () => {}),
    ]) {
      const world = setUp(parts);
      const refused = await run(world).catch((caught: unknown) => caught);
      expect(refused).toBeInstanceOf(error);
      expect((refused as Error).message).toContain(message);
      expect(world.log).toEqual([]);
      expect(world.journal.open()).toEqual([]);
      expect(world.experiment.verdict()).toBe('inconclusive');
    }
  });

  test('two faults that exclude each other, one after the other and at the same time', async () => {
    const { experiment, fault, other, log } = setUp({ occupies: ['qdisc of u1', 'freezer of u1'] });
    const together = await Promise.allSettled([experiment.inject(fault, {}), experiment.inject(other, {})]);
    const refused = together.find((one) => one.status === 'rejected');
    expect(refused?.reason).toBeInstanceOf(FaultConflictError);
    expect(String(refused?.reason)).toContain('also takes qdisc of u1, freezer of u1');
    expect(log.filter((line) => line.startsWith('act'))).toHaveLength(1);
    await experiment.healAll();
    await using again = await experiment.inject(other, {});
    await expect(experiment.inject(fault, {})).rejects.toThrow(FaultConflictError);
    expect(again.fault).toBe('second');
  });

  test('the limits count what is in force already', async () => {
    let turn = 0;
    const { experiment, fault, other } = setUp({
      config: { blast: { pods: 1 } },
      get targets() {
        turn += 1;
        return [{ ...target, uid: `u${turn}` }];
      },
    });
    await experiment.inject(fault, {});
    await expect(experiment.inject(other, {})).rejects.toThrow('2 pods would be hit at once');
  });

  test('a journal that cannot be written, and nothing is left in it', async () => {
    const inner = new MemoryJournal();
    const journal: Journal = {
      append: (entry) =>
        entry.kind.endsWith('-2') ? Promise.reject(new JournalError('disk full')) : inner.append(entry),
      close: (id) => inner.close(id),
      open: () => inner.open(),
    };
    const { experiment, fault, log, end } = setUp({ journal });
    await expect(experiment.runFault(fault, {}, () => {})).rejects.toThrow(JournalError);
    await end();
    expect(log).toEqual([]);
    expect(inner.open()).toEqual([]);
    expect(experiment.result()).toMatchObject({ verdict: 'inconclusive', findings: [{ source: 'journal' }] });
  });
});

describe('the time to live', () => {
  test('that has run out before the fault was healed makes it inconclusive', async () => {
    const { experiment, fault } = setUp();
    await experiment.runFault(fault, { ttl: 5 }, () => new Promise((resolve) => setTimeout(resolve, 20)));
    expect(experiment.result()).toMatchObject({
      verdict: 'inconclusive',
      findings: [
        { source: 'ttl', reason: 'first was healed after its ttl had run out: it was not in force to the end' },
      ],
    });
  });

  test('that has not run out says nothing', async () => {
    const { experiment, fault } = setUp();
    await experiment.runFault(fault, {}, () => {});
    expect(experiment.verdict()).toBe('pass');
  });
});

describe('a fault that is to be held', () => {
  test('stays in force when its body is done sooner', async () => {
    const { experiment, fault } = setUp();
    const run = await experiment.runFault(fault, { holdFor: 60 }, () => {});
    expect(run.healedAtMs - run.effectSeenAtMs).toBeGreaterThanOrEqual(58);
  });

  test('is healed at once when the experiment is stopped', async () => {
    const { experiment, fault, log, abort } = setUp();
    const running = experiment.runFault(fault, { holdFor: '10m' }, () => {
      setTimeout(() => abort.abort(new Error('time is up')), 1);
    });
    await expect(running).rejects.toThrow('time is up');
    expect(log.at(-1)).toBe('undo first-1');
  });
});

describe('a fault that goes wrong', () => {
  test('without an effect is undone and inconclusive', async () => {
    const { experiment, fault, log, journal } = setUp({ effect: () => false });
    const body = () => log.push('body');
    await expect(experiment.runFault(fault, {}, body)).rejects.toThrow(NoEffectError);
    expect(log).toEqual(['act first with 2 open', 'undo first-2', 'undo first-1']);
    expect(journal.open()).toEqual([]);
    expect(experiment.verdict()).toBe('inconclusive');
  });

  test('half done is undone', async () => {
    const { experiment, fault, log } = setUp({ act: () => Promise.reject(new Error('connection lost')) });
    await expect(experiment.inject(fault, {})).rejects.toThrow(EngineError);
    expect(log).toEqual(['act first with 2 open', 'undo first-2', 'undo first-1']);
    expect(experiment.verdict()).toBe('inconclusive');
  });

  test('a body that throws is healed, and its own error comes out', async () => {
    const { experiment, fault, log } = setUp();
    const body = () => Promise.reject(new Error('no failover'));
    await expect(experiment.runFault(fault, {}, body)).rejects.toThrow('no failover');
    expect(log.slice(-2)).toEqual(['undo first-2', 'undo first-1']);
    expect(experiment.verdict()).toBe('fail');
    expect(experiment.result().findings).toHaveLength(1);
  });

  test('an undo that fails is a failure with the command to type', async () => {
    const { experiment, fault, end } = setUp({ undo: () => Promise.reject(new Error('no rights')) });
    await expect(experiment.runFault(fault, {}, () => {})).rejects.toThrow(HealError);
    const error = await end().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(HealError);
    expect((error as HealError).manualCommands).toEqual(['undo first-2', 'undo first-1']);
    expect(experiment.verdict()).toBe('unhealed');
  });

  test('what is undone but not seen healed is a failure', async () => {
    const { experiment, fault } = setUp({ healed: () => false });
    await expect(experiment.runFault(fault, {}, () => {})).rejects.toThrow(/looked for healing/);
    expect(experiment.verdict()).toBe('unhealed');
  });
});

describe('an experiment that is stopped', () => {
  test('heals while the body hangs, and is aborted', async () => {
    const { experiment, fault, log, abort, end } = setUp();
    const inBody = Promise.withResolvers<void>();
    const running = experiment.runFault(fault, {}, () => {
      inBody.resolve();
      return new Promise(() => {});
    });
    await inBody.promise;
    abort.abort(new Error('time is up'));
    await expect(running).rejects.toThrow('time is up');
    await end();
    expect(log.slice(-2)).toEqual(['undo first-2', 'undo first-1']);
    expect(experiment.verdict()).toBe('aborted');
  });

  test('refuses what a late body wants to inject', async () => {
    const { experiment, fault, log, abort, end } = setUp();
    abort.abort(new Error('time is up'));
    await expect(experiment.inject(fault, {})).rejects.toThrow('time is up');
    await end();
    await expect(experiment.inject(fault, {})).rejects.toThrow('time is up');
    expect(log).toEqual([]);
  });

  test('refuses what is injected after its end', async () => {
    const { experiment, fault, log, end } = setUp();
    await end();
    await expect(experiment.inject(fault, {})).rejects.toThrow(ExperimentOverError);
    expect(log).toEqual([]);
  });

  test('undoes once more what an engine did after the end', async () => {
    const mayAct = Promise.withResolvers<void>();
    const acting = Promise.withResolvers<void>();
    const { experiment, fault, log, abort } = setUp({
      act: async () => {
        acting.resolve();
        await mayAct.promise;
        log.push('the fault lands');
      },
    });
    const injecting = experiment.inject(fault, {});
    await acting.promise;
    abort.abort(new Error('time is up'));
    const ending = experiment.end();
    mayAct.resolve();
    await expect(injecting).rejects.toThrow('time is up');
    await ending;
    expect(log.indexOf('the fault lands')).toBeLessThan(log.lastIndexOf('undo first-1'));
  });

  test('heals what nobody healed', async () => {
    const { experiment, fault, other, log, end } = setUp();
    await experiment.inject(fault, {});
    await experiment.inject(other, {});
    await end();
    for (const name of ['first', 'second']) {
      expect(log.filter((line) => line.startsWith(`undo ${name}`))).toEqual([`undo ${name}-2`, `undo ${name}-1`]);
    }
  });

  test('heals one fault while the undo of another hangs', async () => {
    const released = Promise.withResolvers<void>();
    const { experiment, fault, other, log, end } = setUp({
      undo: async (entry) => {
        if (entry.kind.startsWith('second')) await released.promise;
        return 'undone';
      },
      undoLimitMs: 60_000,
    });
    await experiment.inject(fault, {});
    await experiment.inject(other, {});
    const ending = end();
    await expect.poll(() => log.at(-1)).toBe('undo first-1');
    expect(log.filter((line) => line.startsWith('undo second'))).toEqual(['undo second-2']);
    released.resolve();
    await ending;
  });
});

describe('the verdict', () => {
  test('is inconclusive when nothing was proven', () => {
    expect(setUp().experiment.verdict()).toBe('inconclusive');
  });

  test('stays the true one when another was expected', async () => {
    const { experiment, fault } = setUp({ effect: () => false });
    experiment.expectVerdict('inconclusive', 'the fault does nothing');
    await experiment.runFault(fault, {}, () => {}).catch(() => {});
    expect(experiment.result()).toMatchObject({
      verdict: 'inconclusive',
      expected: { verdict: 'inconclusive', met: true },
    });
    experiment.addFinding({ verdict: 'fail', source: 'spec', reason: 'assertion' });
    expect(experiment.result()).toMatchObject({ verdict: 'fail', expected: { met: false } });
  });

  test('of a known defect that shows is xfail', async () => {
    const { experiment, fault } = setUp();
    experiment.expectFailure({ issue: 'https://example.org/1', reason: 'known' });
    await experiment.runFault(fault, {}, () => Promise.reject(new Error('it shows'))).catch(() => {});
    expect(experiment.verdict()).toBe('xfail');
  });

  test('of an assertion that a known defect makes fail is xfail, and only of this one', async () => {
    const { experiment, fault } = setUp();
    const defect = { issue: 'https://example.org/1', reason: 'known' };
    await experiment.runFault(fault, {}, () => {});
    await experiment.expectedFailure(defect, () => Promise.reject(new Error('it shows')));
    expect(experiment.result()).toMatchObject({
      verdict: 'xfail',
      knownDefect: defect,
      findings: [{ reason: 'it shows', excused: true }],
    });
    experiment.addFinding({ verdict: 'fail', source: 'ledger', reason: 'something else' });
    expect(experiment.verdict()).toBe('fail');
  });

  test.each([
    [false, 'xpass'],
    [true, 'pass'],
  ])('of a known defect that does not show (sometimes: %s) is %s', async (sometimes, verdict) => {
    const { experiment, fault } = setUp();
    await experiment.runFault(fault, {}, () => {});
    await experiment.expectedFailure({ issue: 'https://example.org/1', reason: 'known', sometimes }, () => {});
    expect(experiment.verdict()).toBe(verdict);
  });

  test('an assertion that proves nothing is not excused by a known defect', async () => {
    const { experiment } = setUp();
    const nothing = Object.assign(new Error('no numbers'), { name: 'InconclusiveError' });
    const defect = { issue: 'https://example.org/1', reason: 'known' };
    await expect(experiment.expectedFailure(defect, () => Promise.reject(nothing))).rejects.toThrow(nothing);
  });

  test('result is plain data', async () => {
    const { experiment, fault } = setUp();
    await experiment.runFault(fault, {}, () => {});
    const result = experiment.result();
    expect(JSON.parse(JSON.stringify(result))).toEqual({ ...result, durationMs: expect.any(Number) as number });
    expect(result.faults[0]).toMatchObject({
      fault: 'first',
      engine: 'kubernetes',
      options: { size: 0 },
      targets: [target],
    });
  });
});
