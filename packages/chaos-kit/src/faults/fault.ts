import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { show } from '../config/config-error.ts';
import { durationSchema } from '../config/duration-schema.ts';
import { type Action, type EngineName, engineNames } from '../engines/engine.ts';
import type { ResolvedTarget, TargetSelector } from '../targets/target.ts';
import type { Observation } from './observation.ts';

/** A zod object schema of a fault's own options. */
export type OptionsSchema = z.ZodObject;

/** What a fault's parts are told. `target` is the first of `targets`. */
export interface FaultContext<S extends OptionsSchema> {
  readonly kube: KubeClient;
  readonly cluster: { readonly namespace: string; readonly name: string };
  readonly target: ResolvedTarget;
  readonly targets: readonly ResolvedTarget[];
  readonly options: z.output<S>;
}

/** Looks whether a fault is in force, or gone. Polled; must not change anything. */
export type Observe<S extends OptionsSchema> = (context: FaultContext<S>, signal: AbortSignal) => Promise<Observation>;

/** A fault as a value: what it breaks, whom it hits, how each engine does it, and how one sees that it is there or gone. */
export interface FaultDefinition<S extends OptionsSchema> {
  /** kebab-case, unique, for instance `primary-killed`. */
  readonly name: string;
  readonly options: S;
  /** Whom it hits, resolved when it fires. */
  readonly target: TargetSelector | ((options: z.output<S>) => TargetSelector);
  /** How each engine does it. An engine that is left out cannot. */
  readonly engines: Partial<Readonly<Record<EngineName, (context: FaultContext<S>) => Action>>>;
  readonly evidence: {
    /** In force, seen without asking the engine. The body of the experiment starts when it is. */
    readonly effect: Observe<S>;
    /** Gone, and what it hit works again. */
    readonly healed: Observe<S>;
    /** Within which the effect must be seen, such as `"30s"`. Default: the `effect` wait of the configuration. */
    readonly effectWithin?: string | number;
    /** Within which the healing must be seen. Default: the `healed` wait of the configuration. */
    readonly healedWithin?: string | number;
  };
}

/** A checked fault definition. */
export interface Fault<S extends OptionsSchema = OptionsSchema> extends FaultDefinition<S> {
  readonly supportedEngines: readonly EngineName[];
}

const commonOptions = z.object({
  engine: z.enum(['auto', ...engineNames]).optional(),
  effectWithin: durationSchema().optional(),
  healedWithin: durationSchema().optional(),
});

/** Options that every fault accepts next to its own. */
export interface CommonFaultOptions {
  /** Who breaks it. Default: the experiment's engine, then the configuration's, then what the cluster offers. */
  readonly engine?: EngineName | 'auto' | undefined;
  /** Within which the effect must be seen, or the experiment is inconclusive. */
  readonly effectWithin?: string | number | undefined;
  /** Within which the healing must be seen, or the heal failed. */
  readonly healedWithin?: string | number | undefined;
}

/** What one writes as the options of a fault. */
export type FaultOptions<S extends OptionsSchema> = z.input<S> & CommonFaultOptions;

/** Options after checking; durations are milliseconds. */
export interface ParsedFaultOptions<S extends OptionsSchema> {
  readonly own: z.output<S>;
  readonly engine?: EngineName | 'auto' | undefined;
  readonly effectWithinMs?: number | undefined;
  readonly healedWithinMs?: number | undefined;
}

/**
 * Defines a fault. One file per fault; see `primary-killed.ts` for the shape.
 *
 * @throws TypeError when the definition itself is wrong.
 */
export function defineFault<S extends OptionsSchema>(definition: FaultDefinition<S>): Fault<S> {
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

/** Resolves the selector of a fault for given options. */
export function selectorOf<S extends OptionsSchema>(fault: Fault<S>, options: z.output<S>): TargetSelector {
  return typeof fault.target === 'function' ? fault.target(options) : fault.target;
}
