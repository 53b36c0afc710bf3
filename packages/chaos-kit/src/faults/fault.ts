import { formatDuration, type KubeClient } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { show } from '../config/config-error.ts';
import { durationSchema } from '../config/duration-schema.ts';
import { type Action, type EngineName, engineNames } from '../engines/engine.ts';
import type { LabControl } from '../engines/lab-control.ts';
import type { ResolvedTarget, TargetSelector } from '../targets/target.ts';
import type { Observation } from './observation.ts';

/** A zod object schema of a fault's own options. */
export type OptionsSchema = z.ZodObject;

/** What a fault's parts are told. `target` is the first of `targets`. */
export interface FaultContext<S extends OptionsSchema, T extends ResolvedTarget = ResolvedTarget> {
  /** Of this injection; what the engine makes carries it. */
  readonly faultId: string;
  readonly kube: KubeClient;
  readonly cluster: { readonly namespace: string; readonly name: string };
  /** Namespace of the CloudNativePG operator. */
  readonly operatorNamespace: string;
  /** Where the provider has power over the machines. */
  readonly lab?: LabControl | undefined;
  readonly target: T;
  readonly targets: readonly T[];
  readonly options: z.output<S>;
}

/** Looks whether a fault is in force, or gone. Polled; must not change anything. */
export type Observe<S extends OptionsSchema, T extends ResolvedTarget = ResolvedTarget> = {
  observe(context: FaultContext<S, T>, signal: AbortSignal): Promise<Observation>;
}['observe'];

/** Says what an engine is to do. Touches nothing. */
export type PlanAction<S extends OptionsSchema, T extends ResolvedTarget = ResolvedTarget> = {
  plan(context: FaultContext<S, T>): Action;
}['plan'];

/** What is known of a fault before it acts. */
export interface FaultScope<S extends OptionsSchema, T extends ResolvedTarget = ResolvedTarget> {
  readonly targets: readonly T[];
  readonly options: z.output<S>;
}

/** A fault as a value: what it breaks, whom it hits, how each engine does it, and how one sees that it is there or gone. */
export interface FaultDefinition<S extends OptionsSchema, T extends ResolvedTarget = ResolvedTarget> {
  /** kebab-case, unique, for instance `primary-killed`. */
  readonly name: string;
  readonly options: S;
  /** Whom it hits, resolved when it fires. */
  readonly target: TargetSelector<T> | { select(options: z.output<S>): TargetSelector<T> }['select'];
  /** How each engine does it. An engine that is left out cannot. */
  readonly engines: Partial<Readonly<Record<EngineName, PlanAction<S, T>>>>;
  /** Why an engine that is left out cannot, in one sentence; part of the error of somebody who asks for it. */
  readonly unsupported?: Partial<Readonly<Record<EngineName, string>>>;
  /** What an engine must find besides itself, told to its preflight, such as `NetworkChaos` or `sch_netem`. */
  readonly needs?: Partial<
    Readonly<Record<EngineName, { list(options: z.output<S>): readonly string[] }['list'] | readonly string[]>>
  >;
  /** Most targets that it may hit at once. Default 1. */
  readonly maxTargets?: number;
  /** How far it reaches beyond its targets. Pods and nodes are counted from those. */
  readonly blast?: {
    /** It breaks the control plane of Kubernetes itself, which `blast.controlPlane` of the configuration must allow. */
    readonly controlPlane?: boolean;
  };
  /**
   * What it takes for itself, such as `qdisc of pod <uid>`. Two faults in force at once may not take the same.
   * Default: nothing.
   */
  readonly occupies?: { occupies(scope: FaultScope<S, T>): readonly string[] }['occupies'];
  readonly evidence: {
    /** In force, seen without asking the engine. The body of the experiment starts when it is. */
    readonly effect: Observe<S, T>;
    /** Gone, and what it hit works again. */
    readonly healed: Observe<S, T>;
    /** Within which the effect must be seen, such as `"30s"`. Default: the `effect` wait of the configuration. */
    readonly effectWithin?: string | number;
    /** Within which the healing must be seen. Default: the `healed` wait of the configuration. */
    readonly healedWithin?: string | number;
  };
}

/** A checked fault definition. */
export interface Fault<
  S extends OptionsSchema = OptionsSchema,
  T extends ResolvedTarget = ResolvedTarget,
> extends FaultDefinition<S, T> {
  readonly supportedEngines: readonly EngineName[];
}

const commonOptions = z.object({
  engine: z.enum(['auto', ...engineNames]).optional(),
  effectWithin: durationSchema().optional(),
  healedWithin: durationSchema().optional(),
  ttl: durationSchema().optional(),
  holdFor: durationSchema().optional(),
});

/** Options that every fault accepts next to its own. */
export interface CommonFaultOptions {
  /** Who breaks it. Default: the experiment's engine, then the configuration's, then what the cluster offers. */
  readonly engine?: EngineName | 'auto' | undefined;
  /** Within which the effect must be seen, or the experiment is inconclusive. */
  readonly effectWithin?: string | number | undefined;
  /** Within which the healing must be seen, or the heal failed. */
  readonly healedWithin?: string | number | undefined;
  /** After which the fault ends by itself, whoever is still alive then. Default: `ttl` of the configuration. */
  readonly ttl?: string | number | undefined;
  /** How long a `withX` keeps it in force at least, from the moment its effect was seen; must be less than its ttl. Default: as long as the body takes. */
  readonly holdFor?: string | number | undefined;
}

/** What one writes as the options of a fault. */
export type FaultOptions<S extends OptionsSchema> = OwnOptions<S> & CommonFaultOptions;

// What zod takes for an empty object has no room for the common options.
type OwnOptions<S extends OptionsSchema> = z.input<S> extends Record<string, never> ? unknown : z.input<S>;

/** Options after checking; durations are milliseconds. */
export interface ParsedFaultOptions<S extends OptionsSchema> {
  readonly own: z.output<S>;
  readonly engine?: EngineName | 'auto' | undefined;
  readonly effectWithinMs?: number | undefined;
  readonly healedWithinMs?: number | undefined;
  readonly ttlMs?: number | undefined;
  readonly holdForMs?: number | undefined;
}

/**
 * Defines a fault. One file per fault; see `primary-killed.ts` for the shape.
 *
 * @throws TypeError when the definition itself is wrong.
 */
export function defineFault<S extends OptionsSchema, T extends ResolvedTarget = ResolvedTarget>(
  definition: FaultDefinition<S, T>,
): Fault<S, T> {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(definition.name)) {
    throw new TypeError(`fault name: got ${show(definition.name)}, expected kebab-case such as "primary-killed"`);
  }
  const supportedEngines = engineNames.filter((name) => definition.engines[name] !== undefined);
  if (supportedEngines.length === 0)
    throw new TypeError(`fault ${definition.name}: at least one engine must be able to do it`);
  const taken = Object.keys(commonOptions.shape).filter((key) => key in definition.options.shape);
  if (taken.length > 0)
    throw new TypeError(`fault ${definition.name}: option ${taken.join(', ')} belongs to every fault already`);
  return { ...definition, supportedEngines };
}

/** Bad fault options. Nothing was touched. */
export class FaultOptionsError extends Error {
  override readonly name = 'FaultOptionsError';
  readonly code = 'CHAOS_FAULT_OPTIONS';
}

/**
 * Checks what was written as options of a fault.
 *
 * @throws FaultOptionsError naming each option, its value and what would be right.
 */
export function parseFaultOptions<S extends OptionsSchema>(
  fault: Fault<S>,
  input: FaultOptions<S>,
): ParsedFaultOptions<S> {
  const whole = fault.options.extend(commonOptions.shape).strict();
  const result = whole.safeParse(input);
  if (!result.success) {
    const lines = result.error.issues.map((issue) => describeIssue(issue, input));
    throw new FaultOptionsError(`${fault.name}: bad options\n  ${lines.join('\n  ')}`);
  }
  const common = commonOptions.parse(input);
  // the whole schema passed, so the own part does; parsing it alone gives it its own type back
  const own = fault.options.strip().parse(input) as z.output<S>;
  return {
    own,
    engine: common.engine,
    effectWithinMs: common.effectWithin,
    healedWithinMs: common.healedWithin,
    ttlMs: common.ttl,
    holdForMs: common.holdFor,
  };
}

function describeIssue(issue: z.core.$ZodIssue, input: object): string {
  if (issue.code === 'unrecognized_keys') return `${issue.keys.join(', ')}: no such option`;
  const field = issue.path.map(String).join('.');
  const value: unknown = issue.path.reduce<unknown>(
    (found, key) => (typeof found === 'object' && found !== null ? Reflect.get(found, key) : undefined),
    input,
  );
  const expected = issue.code === 'invalid_value' ? `one of ${issue.values.map(String).join(', ')}` : issue.message;
  return `${field}: got ${show(value)}, expected ${expected}`;
}

/**
 * After which a fault ends by itself, in milliseconds.
 *
 * @throws FaultOptionsError when that is not longer than it is to be held.
 */
export function ttlOf<S extends OptionsSchema>(
  fault: Pick<Fault<S>, 'name'>,
  { ttlMs, holdForMs }: Pick<ParsedFaultOptions<S>, 'ttlMs' | 'holdForMs'>,
  defaultTtlMs: number,
): number {
  const ttl = ttlMs ?? defaultTtlMs;
  if (holdForMs === undefined || holdForMs < ttl) return ttl;
  const source = ttlMs === undefined ? ' (from chaos.config.ts)' : '';
  throw new FaultOptionsError(
    `${fault.name}: bad options\n  ttl: got ${formatDuration(ttl)}${source}, expected more than holdFor, which is ${formatDuration(holdForMs)}: ` +
      `the fault would end before its body`,
  );
}

/** Resolves the selector of a fault for given options. */
export function selectorOf<S extends OptionsSchema>(fault: Fault<S>, options: z.output<S>): TargetSelector {
  return typeof fault.target === 'function' ? fault.target(options) : fault.target;
}
