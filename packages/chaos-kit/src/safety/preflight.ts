import { type KubeClient, OperatorNotFoundError, operatorStatus, probeWebhook } from '@cnpg-chaos/cnpg-utils';
import type { ChaosConfig } from '../config/chaos-config.ts';
import type { EngineContext, EngineName } from '../engines/engine.ts';
import { defaultEngines, type EngineRegistry } from '../engines/registry.ts';
import { describeProblems } from '../engines/select-engine.ts';

/** Something that keeps experiments from running on this cluster. */
export interface PreflightProblem {
  /** What was looked at, such as `operator`. */
  readonly check: string;
  /** What is wrong and what to do, one sentence. */
  readonly problem: string;
}

/** The cluster cannot run experiments. Lists every problem; nothing was touched. */
export class PreflightError extends Error {
  override readonly name = 'PreflightError';
  readonly code = 'CHAOS_PREFLIGHT';
  readonly problems: readonly PreflightProblem[];

  constructor(server: string, problems: readonly PreflightProblem[]) {
    super(`${server} cannot run experiments:\n${problems.map((p) => `  ${p.check}: ${p.problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** Options of `preflight`. */
export interface PreflightOptions {
  readonly config: Pick<ChaosConfig, 'operatorNamespace' | 'chaosMesh' | 'engine'>;
  /** Namespace in which something will be broken: rights are asked for it. @default 'default' */
  readonly namespace?: string;
  /** Engines that must be usable. Default: the configured one, none for `auto`. */
  readonly engines?: readonly EngineName[];
  readonly registry?: EngineRegistry;
  readonly signal?: AbortSignal;
}

/**
 * Checks what every experiment needs: the API server, CloudNativePG's CRD, its operator, its webhook, and the engines
 * that were asked for.
 *
 * @throws PreflightError with all problems at once.
 */
export async function preflight(kube: KubeClient, options: PreflightOptions): Promise<void> {
  const signal = options.signal ?? new AbortController().signal;
  const problems = await findProblems(kube, options, signal);
  if (problems.length > 0) throw new PreflightError(kube.server, problems);
}

async function findProblems(
  kube: KubeClient,
  options: PreflightOptions,
  signal: AbortSignal,
): Promise<PreflightProblem[]> {
  const { config } = options;
  try {
    await kube.version({ signal });
  } catch (error) {
    signal.throwIfAborted();
    // without it every other check would only repeat this
    return [{ check: 'API server', problem: `does not answer: ${messageOf(error)}` }];
  }
  const crd = 'clusters.postgresql.cnpg.io';
  const ref = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', name: crd };
  if ((await kube.find(ref, { signal })) === undefined) {
    return [{ check: 'CloudNativePG', problem: `CRD ${crd} is not installed; install the operator first` }];
  }
  const problems = await operatorProblems(kube, config.operatorNamespace, signal);
  const wanted = options.engines ?? (config.engine === 'auto' ? [] : [config.engine]);
  const context: EngineContext = {
    kube,
    cluster: { namespace: options.namespace ?? 'default', name: '' },
    operatorNamespace: config.operatorNamespace,
    chaosMesh: config.chaosMesh,
  };
  for (const name of wanted) {
    const missing = await (options.registry ?? defaultEngines)[name].preflight(context, signal, []);
    if (missing.length > 0) problems.push({ check: 'engine', problem: describeProblems(name, missing) });
  }
  return problems;
}

async function operatorProblems(kube: KubeClient, namespace: string, signal: AbortSignal): Promise<PreflightProblem[]> {
  try {
    const status = await operatorStatus(kube, { namespace, signal });
    if (!status.ready) {
      return [{ check: 'operator', problem: `not ready in namespace ${namespace}: ${status.problems.join('; ')}` }];
    }
  } catch (error) {
    if (!(error instanceof OperatorNotFoundError)) throw error;
    const hint = 'operatorNamespace in chaos.config.ts says where to look';
    return [{ check: 'operator', problem: `${error.message} (${hint})` }];
  }
  const webhook = await probeWebhook(kube, { signal });
  return webhook.answers ? [] : [{ check: 'webhook', problem: webhook.problem ?? 'does not answer' }];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
