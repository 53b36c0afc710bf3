import type { Command } from './command.ts';
import { UsageError } from './usage-error.ts';

/** Heals what dead runs left. */
export const sweepCommand: Command = {
  name: 'sweep',
  usage: `  npx chaos-kit sweep                          heal what dead runs left in force, in the cluster of chaos.config.ts
                                               exit code 0 nothing is left, 1 something is, 3 could not look everywhere
      --dry-run          only say what there is
      --namespace <name> only there; may be given several times`,
  options: {
    'dry-run': { type: 'boolean' },
    namespace: { type: 'string', multiple: true },
  },
  async run({ args, options, print }) {
    if (args.length > 0) throw new UsageError(`sweep takes no arguments, not ${JSON.stringify(args)}`);
    const { namespace } = options;
    // the Kubernetes client is loaded only for this
    const [
      { sweep },
      { findCluster },
      { loadChaosConfig },
      { loadEngines },
      { listRuns },
      { renderSweep, sweepExitCode },
    ] = await Promise.all([
      import('../safety/sweep.ts'),
      import('../safety/find-cluster.ts'),
      import('../config/load-config.ts'),
      import('../safety/load-engines.ts'),
      import('../safety/run-folder.ts'),
      import('../safety/render-sweep.ts'),
    ]);
    const config = await loadChaosConfig(process.cwd());
    const runs = listRuns();
    const cluster = await findCluster(config);
    if (cluster === undefined) print('the lab is not up: only journals are looked at\n');
    const result = await sweep({
      runs,
      cluster,
      engines: await loadEngines(
        runs.find(({ manifest }) => manifest.enginesModule !== undefined)?.manifest.enginesModule,
      ),
      namespaces: Array.isArray(namespace) ? namespace.map(String) : undefined,
      dryRun: options['dry-run'] === true,
    });
    print(renderSweep(result));
    return sweepExitCode(result);
  },
};
