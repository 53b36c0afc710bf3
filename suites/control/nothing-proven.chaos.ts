import { defineFault, fixture, Ledger, podKilled, podReplaced, primary } from '@cnpg-chaos/chaos-kit';
import { bind, describe, expect, test as base } from '@cnpg-chaos/chaos-kit/vitest';
import { z } from 'zod';
import { tamper } from './tamper.ts';

const withNothingDone = fixture(
  defineFault({
    name: 'nothing-done',
    options: z.object({}),
    target: primary(),
    engines: {
      // Reports success and leaves everything as it is, as an engine does whose selector matches the wrong pod.
      kubernetes: () => ({ summary: 'do nothing', plan: () => ({ undo: [], act: () => Promise.resolve({}) }) }),
    },
    evidence: {
      effect: ({ kube, target }, signal) => podKilled(kube, target, signal),
      healed: ({ kube, target }, signal) => podReplaced(kube, target, signal),
      effectWithin: '5s',
    },
  }),
);

const test = base.extend('withNothingDone', ({ chaos }) => bind(chaos, withNothingDone));

describe('nothing is proven by', () => {
  test(
    'H2: a fault that did nothing',
    { tags: ['smoke', 'control', 'mutation'] },
    async ({ chaos, ledger, withNothingDone: fault }) => {
      chaos.expectVerdict('inconclusive', 'the fault had no effect');
      await expect(fault({}, () => {})).rejects.toThrow('no effect was seen');
      await expect(ledger).toHaveLostNoAcknowledgedWrite();
    },
  );

  describe('a ledger without writes', () => {
    // The role may not insert into the table that the ledger creates, so that each write is refused.
    test.override('startLedger', ({ cluster }) => async ({ seed, signal }) => {
      await tamper(cluster, 'alter default privileges revoke insert on tables from current_user');
      try {
        return await Ledger.start(cluster.ledgerTarget(), { seed, signal, rate: 20, writers: 2, keepTable: 'never' });
      } finally {
        await tamper(cluster, 'alter default privileges grant insert on tables to current_user');
      }
    });

    test(
      'H1: a run in which no write was acknowledged',
      { tags: ['smoke', 'control', 'mutation'] },
      async ({ chaos, cluster, ledger }) => {
        chaos.expectVerdict('inconclusive', 'no write was acknowledged');
        await expect.poll(() => ledger.progress.failed, { timeout: 10_000 }).toBeGreaterThan(20);
        await ledger.stop();
        await tamper(cluster, `grant insert on ${ledger.options.table} to current_user`);
        const { verdict, integrity, counts, reasons } = await chaos.verifyLedger();
        expect({ verdict, integrity }).toEqual({ verdict: 'inconclusive', integrity: 'inconclusive' });
        expect(counts).toMatchObject({ acknowledged: 0, unknown: 0, lost: 0, unexpected: 0 });
        expect(reasons).toEqual(['no write was acknowledged, so nothing was tested']);
        await expect(expect(ledger).toHaveLostNoAcknowledgedWrite()).rejects.toThrow(
          'inconclusive, which is not a pass',
        );
      },
    );
  });
});
