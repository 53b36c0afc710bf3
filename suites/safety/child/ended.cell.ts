import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ActiveFault,
  type ClusterUnderTest,
  defaultEngines,
  type EngineRegistry,
  findLeftovers,
  labControl,
  listRuns,
  readJournal,
} from '@cnpg-chaos/chaos-kit';
import { describe, expect, test } from '@cnpg-chaos/chaos-kit/vitest';
import { type Family, familiesNamed } from '../families.ts';
import { tell } from './cell-files.ts';
import { contextOf, labName } from './context.ts';

const { SAFETY_FOLDER: folder = '', SAFETY_FAMILIES: names = '', SAFETY_SCENARIOS: scenarios = '' } = process.env;
const chosen = (scenario: string) => scenarios === '' || scenarios.split(',').includes(scenario);

/** What happens while the fault is in force. Each ends with the test, and the fault has to be gone then. */
const disturbances: Readonly<
  Record<
    string,
    (o: { active: ActiveFault; family: Family; cluster: ClusterUnderTest; engines: EngineRegistry }) => Promise<void>
  >
> = {
  'body throws': () => Promise.reject(new Error('the body throws')),
  'body hangs past its timeout': () => new Promise(() => {}),
  'target pod deleted': async ({ active, cluster }) => {
    const own = active.targets.find((target) => target.kind === 'pod' && target.namespace === cluster.namespace);
    const name = own?.name ?? (await cluster.instances()).find((instance) => instance.role !== 'primary')?.name ?? '';
    const pod = { apiVersion: 'v1', kind: 'Pod', namespace: cluster.namespace, name };
    await cluster.kube.deleteIfExists(pod, { gracePeriodSeconds: 0 });
    await sleep(2_000);
  },
  'engine daemon restarted': async ({ family, cluster }) => {
    const daemons = {
      agent: { namespace: 'cnpg-chaos', labelSelector: 'app.kubernetes.io/name=cnpg-chaos-agent' },
      'chaos-mesh': { namespace: 'chaos-mesh', labelSelector: 'app.kubernetes.io/component=chaos-daemon' },
    };
    if (family.engine !== 'agent' && family.engine !== 'chaos-mesh') return;
    const { namespace, labelSelector } = daemons[family.engine];
    const kind = { apiVersion: 'v1', kind: 'Pod', namespace };
    const pods = await cluster.kube.list<{ apiVersion: string; kind: string; metadata: { name: string } }>(kind, {
      labelSelector,
    });
    expect(pods.length, `pods of the daemon of ${family.engine}`).toBeGreaterThan(0);
    for (const { metadata } of pods) {
      await cluster.kube.deleteIfExists({ ...kind, name: metadata.name }, { gracePeriodSeconds: 0 });
    }
  },
  'undone by hand meanwhile': async ({ active, family, cluster, engines }) => {
    for (const entry of openEntries(active.id)) {
      const { kind, namespace, name } = entry.data;
      const isObject = typeof kind === 'string' && typeof namespace === 'string' && typeof name === 'string';
      if (family.engine === 'chaos-mesh' && isObject) {
        // as a person would: without looking what becomes of it
        await cluster.kube.deleteIfExists({
          apiVersion: 'chaos-mesh.org/v1alpha1',
          kind,
          namespace: namespace,
          name,
        });
      } else {
        await engines[family.engine].undo(entry, contextOf(cluster), AbortSignal.timeout(30_000));
      }
    }
  },
  'API server down while healing': async () => {
    const service = '/usr/local/lib/lab/service kube-apiserver';
    const lab = labControl(labName);
    const script = `setsid -f bash -c '${service} stop; sleep 8; ${service} start' </dev/null >/dev/null 2>&1`;
    const { exitCode } = await lab.exec(lab.controlPlane, ['bash', '-c', script]);
    expect(exitCode).toBe(0);
    await sleep(1_500);
  },
};

function openEntries(faultId: string) {
  return listRuns()
    .flatMap(({ journals }) => journals.flatMap((path) => readJournal(path).open))
    .filter((entry) => entry.faultId === faultId);
}

const inject = async (
  family: Family,
  scenario: string,
  chaos: { inject: (fault: Family['fault'], options: Family['options']) => Promise<ActiveFault> },
) => {
  const active = await chaos.inject(family.fault, { ...family.options, engine: family.engine });
  tell(folder, { type: 'injected', family: family.name, scenario, faultId: active.id, effect: active.evidence.what });
  return active;
};

for (const family of familiesNamed(names.split(',').filter((name) => name !== ''))) {
  describe(family.name, () => {
    test.override('workload', 'none');
    for (const [scenario, disturb] of Object.entries(disturbances)) {
      if (family.not?.[scenario] !== undefined || !chosen(scenario)) continue;
      const timeout = scenario === 'body hangs past its timeout' ? 15_000 : 120_000;
      test(scenario, { timeout }, async ({ chaos, cluster, engines }) => {
        const active = await inject(family, scenario, chaos);
        await disturb({ active, family, cluster, engines });
      });
      leavesNothing(family, scenario);
    }

    const withBrokenSetUp = test.extend('broken', async ({ chaos }) => {
      await inject(family, 'set-up throws', chaos);
      throw new Error('the set-up throws');
    });
    withBrokenSetUp.skipIf(!chosen('set-up throws'))('set-up throws', { timeout: 120_000 }, ({ broken }) => {
      void broken;
    });
    if (chosen('set-up throws')) leavesNothing(family, 'set-up throws');
  });
}

// A test of its own, because healing comes after every hook of the test that is looked at.
function leavesNothing(family: Family, scenario: string): void {
  test(`${scenario}: leaves nothing`, { timeout: 60_000 }, async ({ cluster }) => {
    let scan = await findLeftovers(defaultEngines, contextOf(cluster));
    // an API server that has just come back answers 429 for a while: nobody can look then
    for (let tries = 0; scan.blind.length > 0 && tries < 15; tries += 1) {
      await sleep(2_000);
      scan = await findLeftovers(defaultEngines, contextOf(cluster));
    }
    const { found, blind } = scan;
    tell(folder, {
      type: 'after',
      family: family.name,
      scenario,
      found: found.map(({ what }) => what),
      blind: [...blind],
    });
  });
}
