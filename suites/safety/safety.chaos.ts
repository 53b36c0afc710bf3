import { setTimeout as sleep } from 'node:timers/promises';
import {
  defaultEngines,
  findCluster,
  findLeftovers,
  loadChaosConfig,
  readJournal,
  reaperOf,
  removeRunFolder,
  sweep,
} from '@cnpg-chaos/chaos-kit';
import {
  CLUSTER_KIND,
  CNPG_API_VERSION,
  KubeClient,
  podRestarts,
  waitForHealthy,
  waitForOperatorReady,
} from '@cnpg-chaos/cnpg-utils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { contextOf } from './child/context.ts';
import { type Family, familiesNamed } from './families.ts';
import { type ChildRun, type EndedRun, runChild } from './run-child.ts';

// Every family of faults against everything that may happen to a run, a target or an engine. The specs of `child/` run in
// a vitest of their own on the same lab. What ends a process is done once with all families in force side by side.
// SAFETY_FAMILIES="a,b" and SAFETY_SCENARIOS="a,b" in the environment choose a part.

const list = (name: string) => (process.env[name] ?? '').split(',').filter((part) => part !== '');
const families = familiesNamed(list('SAFETY_FAMILIES'));
const chosen = (scenario: string) =>
  list('SAFETY_SCENARIOS').length === 0 || list('SAFETY_SCENARIOS').includes(scenario);
const profileNamespace = 'cnpg-chaos-sync';
const startOfHealingMs = 2_000;

const inProcess = [
  'body throws',
  'body hangs past its timeout',
  'set-up throws',
  'target pod deleted',
  'engine daemon restarted',
  'undone by hand meanwhile',
  'API server down while healing',
] as const;

const workerOf = ({ told }: ChildRun): number => told().find((one) => one.type === 'worker')?.pid ?? Number.NaN;
const pidOf = ({ process: { pid } }: ChildRun): number => pid ?? Number.NaN;

/** How a run is ended from outside. */
const endings: Readonly<
  Record<string, { act: (run: ChildRun) => void | Promise<void>; byReaper: boolean; killed: boolean }>
> = {
  SIGINT: { act: ({ process: child }) => void child.kill('SIGINT'), byReaper: false, killed: false },
  'SIGINT twice': {
    act: async ({ process: child }) => {
      child.kill('SIGINT');
      // later than a signal that was delivered twice
      await sleep(1_200);
      child.kill('SIGINT');
    },
    byReaper: false,
    killed: false,
  },
  SIGTERM: { act: ({ process: child }) => void child.kill('SIGTERM'), byReaper: false, killed: false },
  'worker SIGKILL': { act: (run) => void process.kill(workerOf(run), 'SIGKILL'), byReaper: true, killed: false },
  'runner SIGKILL': { act: ({ process: child }) => void child.kill('SIGKILL'), byReaper: true, killed: true },
  'process group SIGKILL': { act: (run) => void process.kill(-pidOf(run), 'SIGKILL'), byReaper: true, killed: true },
};

let kube: KubeClient;
let lab: string;
const times: string[] = [];

beforeAll(async () => {
  const cluster = await findCluster(await loadChaosConfig(process.cwd()));
  if (cluster === undefined) throw new Error('the lab is not up');
  const { labName } = cluster.access;
  if (labName === undefined) throw new Error('the safety suite runs on the lab only');
  lab = labName;
  kube = KubeClient.fromFile(cluster.access.kubeconfig);
});

afterAll(async () => {
  console.log(times.join('\n'));
  await kube.close();
});

async function leftovers(): Promise<{ found: string[]; blind: readonly string[] }> {
  const context = contextOf({ kube, namespace: profileNamespace, name: 'pg' }, lab);
  // a node that was off starts its daemons when it is back: nobody can look at it before
  for (let tries = 0; ; tries += 1) {
    const { found, blind } = await findLeftovers(defaultEngines, context);
    if (blind.length === 0 || tries === 30) return { found: found.map(({ what }) => what), blind };
    await sleep(2_000);
  }
}

/**
 * A run that only healed leaves a cluster that is still coming back; the next one must not be refused for that. Controllers end
 * when the API server is away: after a few times the kubelet would keep them down for minutes, and nobody could heal.
 */
async function steady(): Promise<void> {
  await Promise.all(['cnpg-system', 'chaos-mesh'].map(forgetRestarts));
  const cluster = { namespace: profileNamespace, name: 'pg' };
  // the first run makes it
  if ((await kube.find({ apiVersion: CNPG_API_VERSION, kind: CLUSTER_KIND, ...cluster })) === undefined) return;
  await Promise.all([waitForOperatorReady(kube), waitForHealthy(kube, cluster, { timeoutMs: 300_000 })]);
}

async function forgetRestarts(namespace: string): Promise<void> {
  const kind = { apiVersion: 'v1', kind: 'Pod', namespace };
  for (const pod of await kube.list<Parameters<typeof podRestarts>[0]>(kind)) {
    if (podRestarts(pod) > 0) await kube.deleteIfExists({ ...kind, name: pod.metadata?.name ?? '' });
  }
}

/** Families that are put in force together, and those that need a run each. */
function groups(): Family[][] {
  const together = families.filter(({ alone }) => alone !== true);
  const alone = families.filter((family) => family.alone === true).map((family) => [family]);
  return together.length > 0 ? [together, ...alone] : alone;
}

describe('a test that ends in its own process leaves nothing', { tags: ['safety'] }, () => {
  const ended = new Map<string, EndedRun>();

  for (const family of families) {
    describe(`${family.name}`, () => {
      beforeAll(async () => {
        await steady();
        ended.set(family.name, await runChild('ended.cell.ts', [family.name], lab));
      }, 900_000);

      for (const scenario of inProcess) {
        const reason = family.not?.[scenario];
        test.skipIf(reason !== undefined || !chosen(scenario))(
          `${scenario}${reason === undefined ? '' : `: ${reason}`}`,
          () => {
            const run = ended.get(family.name);
            const of = <T extends string>(type: T) =>
              run?.told.find((one) => one.type === type && 'scenario' in one && one.scenario === scenario);
            if (of('injected') === undefined) throw new Error(`it was never in force: ${run?.output.slice(-3_000)}`);
            expect(of('after')).toMatchObject({ found: [], blind: [] });
            const experiment = run?.report?.experiments.find(({ name }) => name === `${family.name} > ${scenario}`);
            expect(experiment?.findings.filter(({ source }) => source === 'heal')).toEqual([]);
            expect(experiment?.verdict).not.toBe('unhealed');
            times.push(`${family.name} · ${scenario}: ${((experiment?.durationMs ?? 0) / 1000).toFixed(1)} s`);
          },
        );
      }
    });
  }
});

describe('a run that is ended from outside leaves nothing', { tags: ['safety'] }, () => {
  for (const [scenario, { act, byReaper, killed }] of Object.entries(endings)) {
    for (const group of groups()) {
      describe.skipIf(!chosen(scenario))(`${scenario}, ${group.length} at once`, () => {
        let run: EndedRun;
        let left: Awaited<ReturnType<typeof leftovers>>;

        beforeAll(async () => {
          await steady();
          run = await runChild(
            'killed.cell.ts',
            group.map(({ name }) => name),
            lab,
            act,
          );
          left = await leftovers();
          if (left.found.length > 0) console.log(run.output.slice(-12_000), run.reaperLog);
        }, 900_000);

        for (const family of group) {
          test(`${family.name}`, () => {
            const injected = run.told.find((one) => one.type === 'injected' && one.family === family.name);
            if (injected?.type !== 'injected') throw new Error(`it was never in force: ${run.output.slice(-3_000)}`);
            expect(left).toEqual({ found: [], blind: [] });
            expect((run.stored?.journals ?? []).flatMap((path) => readJournal(path).open)).toEqual([]);
            expect(run.reaperLog.includes(` of ${injected.faultId}: `)).toBe(byReaper);
            // what the runner could end in order leaves no folder, what was killed is red by itself
            expect({ folder: run.stored !== undefined, red: run.code !== 0 }).toEqual({ folder: killed, red: true });
          });
        }

        test.runIf(byReaper)('healing begins within 2 s', () => {
          const begin = /^(\S+) (?:worker \d+ of .* died with|the runner \d+ is gone)/m.exec(run.reaperLog)?.[1] ?? '';
          const afterMs = Date.parse(begin) - run.actedAt;
          const last = run.reaperLog.split('\n').findLast((line) => line.includes(' of ')) ?? '';
          times.push(
            `${scenario}, ${group.length} at once: healing began after ${afterMs} ms, last undo after ${Date.parse(last.split(' ')[0] ?? '') - run.actedAt} ms, run ${(run.tookMs / 1000).toFixed(1)} s`,
          );
          expect(afterMs).toBeLessThanOrEqual(startOfHealingMs);
        });
      });
    }
  }
});

describe.skipIf(!chosen('everybody killed'))('the leak detector', { tags: ['safety'] }, () => {
  const leaking = groups().map((group) => group.filter(({ leak }) => leak !== undefined));

  for (const group of leaking) {
    describe(`when everybody is killed, the reaper too, and the journal is lost, ${group.length} at once`, () => {
      let found: string[] = [];
      let dry: readonly string[] = [];
      let after: Awaited<ReturnType<typeof leftovers>>;
      let swept: Awaited<ReturnType<typeof sweep>>;

      beforeAll(async () => {
        await steady();
        const run = await runChild(
          'killed.cell.ts',
          group.map(({ name }) => name),
          lab,
          killEverybody,
        );
        if (run.reaperLog.includes('the runner')) throw new Error(`the reaper had time to heal: ${run.reaperLog}`);
        ({ found } = await leftovers());
        const cluster = await findCluster(await loadChaosConfig(process.cwd()));
        const options = { runs: [], cluster, engines: defaultEngines };
        dry = (await sweep({ ...options, dryRun: true })).things.map(({ what, outcome }) => `${outcome} ${what}`);
        swept = await sweep(options);
        after = await leftovers();
      }, 900_000);

      for (const { name, leak } of group) {
        test(`names what "${name}" leaves, and a sweep removes it`, () => {
          expect(found).toContainEqual(expect.stringMatching(leak ?? ''));
          const wanted = (what: string) => leak?.test(what) === true;
          const removed = swept.things.filter(({ what }) => wanted(what));
          expect(dry.filter((line) => line.startsWith('found ')).length).toBeGreaterThan(0);
          expect(removed.map(({ outcome }) => outcome)).toContain('removed');
        });
      }

      test('and nothing is left then', () => {
        expect(swept.things.filter(({ outcome }) => outcome !== 'removed')).toEqual([]);
        expect(after).toEqual({ found: [], blind: [] });
      });
    });
  }
});

// The reaper first: else it would heal.
function killEverybody(run: ChildRun): void {
  const stored = run.stored();
  if (stored === undefined) throw new Error('the run has no folder');
  process.kill(reaperOf(stored.folder)?.pid ?? Number.NaN, 'SIGKILL');
  process.kill(-pidOf(run), 'SIGKILL');
  removeRunFolder(stored.folder);
}
