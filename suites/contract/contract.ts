import { setTimeout as sleep } from 'node:timers/promises';
import type {
  ActiveFault,
  ClusterUnderTest,
  EngineName,
  Fault,
  FaultOptions,
  OptionsSchema,
} from '@cnpg-chaos/chaos-kit';
import { describe, expect, test } from '@cnpg-chaos/chaos-kit/vitest';
import type { Delivered, Look, Probe, Side } from './probes.ts';

/** What a side of the probe must do while the fault is in force. */
export type Expected = 'works' | 'fails' | ((side: Side) => boolean);

/** One fault of the contract. */
export interface ContractRow<S extends OptionsSchema = OptionsSchema> {
  readonly fault: Fault<S>;
  readonly options: FaultOptions<S>;
  /** Opened while everything is well. */
  readonly probe: (cluster: ClusterUnderTest) => Probe | Promise<Probe>;
  /** What it sees through what was opened before the fault, and through what is new. */
  readonly effect: {
    readonly before: Expected;
    readonly fresh: Expected;
    /** Share of datagrams that must arrive in each direction, or whether a share is right. */
    readonly delivered?: Readonly<Record<keyof Delivered, number | ((share: number) => boolean)>>;
  };
  /** What the engines must find while it is in force; missing for what leaves nothing that could be left behind. */
  readonly leaves?: RegExp;
  /** Within which the effect must be seen by the probe, in milliseconds. @default 30000 */
  readonly seenWithinMs?: number;
  /** Within which the probe is fine again once the fault is healed, in milliseconds. @default 60000 */
  readonly fineWithinMs?: number;
  /** What was measured while it was in force, for the printed line. */
  readonly measure?: (active: ActiveFault, look: Look) => string;
}

/** Erases the options of a row, which were checked where it was written. */
export function row<S extends OptionsSchema>(one: ContractRow<S>): ContractRow {
  return one;
}

/**
 * The same for every engine and fault: the probe is fine; the fault is injected and the probe sees it, through what was
 * opened before and through what is new; it is healed and the probe is fine again; and no engine finds anything left.
 */
export function contract(engine: EngineName, rows: readonly ContractRow[]): void {
  describe(`contract of engine ${engine}`, () => {
    test.override('engine', engine);
    test.override('workload', 'none');
    // the probes keep sessions open, for which CloudNativePG's default waits 3 min wherever an instance is shut down
    test.override('profile', 'tuned');

    for (const { fault, options, probe: open, effect, leaves, ...limits } of rows) {
      const { seenWithinMs = 30_000, fineWithinMs = 60_000, measure } = limits;
      test(`${fault.name} ${JSON.stringify(options)}`, { tags: ['contract'] }, async ({ chaos, cluster }) => {
        await cluster.waitForHealthy();
        await using probe = await open(cluster);
        // a standby that was cut off a moment ago tries to stream again every 5 s
        const ready = { withinMs: fineWithinMs, what: `the probe to be fine before ${fault.name}` };
        await until(probe, ({ before, fresh }) => before.works && fresh.works, ready);
        let seen = '';
        const run = await chaos.runFault(fault, options, async (active) => {
          const { look, afterMs } = await until(probe, (one) => meetsAll(one, effect), {
            withinMs: seenWithinMs,
            what: `${fault.name} to be seen (${String(effect.before)}/${String(effect.fresh)})`,
          });
          if (leaves !== undefined) {
            const found = (await chaos.leftovers()).found.map(({ what }) => what);
            expect(found, 'found while it is in force').toContainEqual(expect.stringMatching(leaves));
          }
          seen = `seen after ${Math.round(afterMs)} ms: before ${sideText(look.before)}, new ${sideText(look.fresh)}${deliveredText(look)}${measure === undefined ? '' : `; ${measure(active, look)}`}`;
        });
        const fine = await until(
          probe,
          async (one) => {
            if (!one.before.works && one.fresh.works) await probe.reopen();
            const { to, from } = one.delivered ?? { to: 1, from: 1 };
            return one.before.works && one.fresh.works && to === 1 && from === 1;
          },
          { withinMs: fineWithinMs, what: `${fault.name} to be healed for the probe` },
        );
        expect(await chaos.leftovers(), 'left behind').toEqual({ found: [], blind: [] });
        const converged = run.convergedMs === undefined ? '' : `, healthy after ${Math.round(run.convergedMs)} ms`;
        console.log(
          `${engine} ${fault.name} ${JSON.stringify(options)}: ${seen}; fine ${Math.round(fine.afterMs)} ms after recovery${converged}; nothing left`,
        );
      });
    }
  });
}

function meetsAll(look: Look, effect: ContractRow['effect']): boolean {
  const { to, from } = effect.delivered ?? {};
  return (
    meets(look.before, effect.before) &&
    meets(look.fresh, effect.fresh) &&
    meetsShare(look.delivered?.to, to) &&
    meetsShare(look.delivered?.from, from)
  );
}

function meetsShare(share: number | undefined, expected: number | ((share: number) => boolean) | undefined): boolean {
  if (expected === undefined) return true;
  return share !== undefined && (typeof expected === 'function' ? expected(share) : share === expected);
}

function meets(side: Side, expected: Expected): boolean {
  if (typeof expected === 'function') return expected(side);
  return side.works === (expected === 'works');
}

function sideText({ works, what, tookMs }: Side): string {
  return `${works ? 'works' : 'fails'} (${what}, ${Math.round(tookMs)} ms)`;
}

function deliveredText({ delivered }: Look): string {
  if (delivered === undefined) return '';
  return `, datagrams there ${Math.round(delivered.to * 100)} %, back ${Math.round(delivered.from * 100)} %`;
}

async function until(
  probe: Probe,
  enough: (look: Look) => boolean | Promise<boolean>,
  { withinMs, what }: { withinMs: number; what: string },
): Promise<{ look: Look; afterMs: number }> {
  const startedAt = performance.now();
  for (;;) {
    const look = await probe.look();
    const afterMs = performance.now() - startedAt;
    if (await enough(look)) return { look, afterMs };
    if (afterMs > withinMs) {
      throw new Error(
        `${what}: not within ${withinMs} ms; last: before ${sideText(look.before)}, new ${sideText(look.fresh)}${deliveredText(look)}`,
      );
    }
    await sleep(100);
  }
}

/** Name of the primary now. */
export async function primaryName(cluster: ClusterUnderTest): Promise<string> {
  return (await cluster.primary()).name;
}

/** Name of the replica at an index, as the target `{ replica: index }` counts them. */
export async function replicaName(cluster: ClusterUnderTest, index: number): Promise<string> {
  const primary = await primaryName(cluster);
  const replicas = (await cluster.instances()).filter(({ name }) => name !== primary);
  const found = replicas[index];
  if (found === undefined) throw new Error(`there is no replica ${index}`);
  return found.name;
}
