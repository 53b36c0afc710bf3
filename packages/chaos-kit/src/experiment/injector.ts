import { parseDuration, WaitTimeoutError } from '@cnpg-chaos/cnpg-utils';
import type { ChaosConfig } from '../config/chaos-config.ts';
import type { Engine, EngineContext, EngineName } from '../engines/engine.ts';
import { EngineError } from '../engines/engine-error.ts';
import type { EngineRegistry } from '../engines/registry.ts';
import type { LabControl } from '../engines/lab-control.ts';
import { type EngineWish, selectEngine } from '../engines/select-engine.ts';
import { type Fault, type OptionsSchema, type ParsedFaultOptions, selectorOf, ttlOf } from '../faults/fault.ts';
import type { Evidence } from '../faults/observation.ts';
import { assertWithinBlast } from '../safety/blast-radius.ts';
import { findLeftovers, type LeftoverScan } from '../safety/leftovers.ts';
import { TargetError } from '../targets/target.ts';
import { FaultConflictError, HealError, NoEffectError } from './experiment-error.ts';
import type { Journal } from './journal.ts';
import { withLimit } from './limit.ts';
import { LiveFault } from './live-fault.ts';
import { observeUntilSeen } from './observe.ts';
import { type PreparedFault, prepareFault } from './prepare-fault.ts';
import type { ExperimentSubject } from './subject.ts';
import type { Timeline } from './timeline.ts';

/** What an `Injector` works with. */
export interface InjectorOptions {
  readonly cluster: ExperimentSubject;
  readonly config: Pick<ChaosConfig, 'waits' | 'chaosMesh' | 'operatorNamespace' | 'ttl' | 'blast'>;
  /** Of the experiment; random targets derive from it. */
  readonly seed: number;
  readonly lab?: LabControl | undefined;
  readonly engines: EngineRegistry;
  readonly journal: Journal;
  readonly timeline: Timeline;
  /** Nothing is broken once it fired. */
  readonly signal: AbortSignal;
  readonly runId: string;
  readonly experimentId: string;
  /** Told when something could not be undone while another error is already on its way. */
  readonly onHealError: (error: unknown) => void;
  /** Told when a fault had ended by its time to live before it was healed. */
  readonly onExpired: (fault: LiveFault) => void;
}

/** How long the end of an experiment waits for an engine call that is under way before it undoes. */
const settleMs = 10_000;

/** Injects faults one by one and knows all of them: resolve, journal, act, wait for the effect; and heal. */
export class Injector {
  readonly #options: InjectorOptions;
  readonly #faults: LiveFault[] = [];
  readonly #active = new Set<LiveFault>();
  /** Faults that are, or are about to be, in force. */
  readonly #taken = new Set<LiveFault>();
  readonly #acting = new Set<Promise<unknown>>();

  constructor(options: InjectorOptions) {
    this.#options = options;
  }

  /** Every fault whose undo was journalled, in order. */
  get faults(): readonly LiveFault[] {
    return this.#faults;
  }

  /** Faults that are, or may be, in force. */
  get active(): readonly LiveFault[] {
    return [...this.#active];
  }

  /** What any engine still finds of any fault, whoever made it. Touches nothing. */
  leftovers(): Promise<LeftoverScan> {
    return findLeftovers(this.#options.engines, this.#engineContext());
  }

  /** Chooses the engine for a fault. @throws EngineUnavailableError naming what is missing. */
  choose<S extends OptionsSchema>(
    fault: Fault<S>,
    options: ParsedFaultOptions<S>,
    config: EngineWish,
  ): Promise<Engine> {
    const { name, supportedEngines: supported, unsupported } = fault;
    const needs = (engine: EngineName) => {
      const list = fault.needs?.[engine] ?? [];
      return typeof list === 'function' ? list(options.own) : list;
    };
    const choice = { fault: name, supported, unsupported, needs, option: options.engine, config };
    return selectEngine(choice, this.#options.engines, this.#engineContext(), this.#options.signal);
  }

  /**
   * Resolves the targets, journals the undo, acts, and waits for the effect. Whatever goes wrong after the journal is
   * undone before the error comes out.
   */
  async inject<S extends OptionsSchema>(
    fault: Fault<S>,
    options: ParsedFaultOptions<S>,
    engine: Engine,
  ): Promise<LiveFault> {
    const { cluster, config, timeline, signal, runId, experimentId } = this.#options;
    timeline.enter('inject');
    signal.throwIfAborted();
    const engineContext = this.#engineContext();
    const selector = selectorOf(fault, options.own);
    const { kube, cluster: subject, operatorNamespace } = engineContext;
    const targets = await selector.resolve(
      { kube, cluster: subject, operatorNamespace, seed: this.#options.seed },
      signal,
    );
    if (targets.length === 0) throw new TargetError(`${fault.name}: ${selector.description} resolved to nothing`);
    const ttlMs = ttlOf(fault, options, config.ttl);
    const prepared = prepareFault(fault, options, targets, { engine, engineContext, runId, experimentId, ttlMs });
    this.#assertFree(prepared);
    assertWithinBlast(config.blast, {
      fault: fault.name,
      targets,
      controlPlane: fault.blast?.controlPlane === true,
      alreadyHit: [...this.#taken].flatMap((taken) => taken.targets),
      isLab: this.#options.lab !== undefined,
    });
    const healedWithinMs = options.healedWithinMs ?? within(fault.evidence.healedWithin) ?? config.waits.healed;
    const live = this.#liveFault(prepared, healedWithinMs, ttlMs);
    signal.throwIfAborted();
    this.#taken.add(live);
    try {
      await this.#journal(prepared);
    } catch (error) {
      this.#taken.delete(live);
      throw error;
    }
    this.#faults.push(live);
    try {
      await cluster.assertTargetsUnchanged(targets, signal);
      signal.throwIfAborted();
      await this.#act(prepared, live);
      signal.throwIfAborted();
      const effectWithinMs = options.effectWithinMs ?? within(fault.evidence.effectWithin) ?? config.waits.effect;
      live.markInForce(await this.#awaitEffect(prepared, effectWithinMs));
      signal.throwIfAborted();
    } catch (error) {
      this.#active.delete(live);
      this.#taken.delete(live);
      // the half of it that happened must not stay, also when it happened after the end of the experiment undid it
      await live.undoAgain().catch(this.#options.onHealError);
      throw error;
    }
    return live;
  }

  /** Heals every fault that may be in force, side by side. @throws HealError with all that could not be undone. */
  async healAll(): Promise<void> {
    const active = this.active.toReversed();
    const failed = this.#faults.filter((fault) => !this.#active.has(fault)).toReversed();
    const failures: HealError[] = [];
    const collect = (error: unknown) => {
      if (!(error instanceof HealError)) throw error;
      failures.push(error);
    };
    // first everything is undone, then it is looked whether it is gone: a look may take minutes
    await Promise.all([...failed, ...active].map((fault) => fault.undo().catch(collect)));
    await Promise.all(active.map((fault) => fault.heal().catch(collect)));
    if (failures.length === 0) return;
    // what could not be undone is told by the undo and again by whoever waited for it
    const errors = failures.flatMap((failure) =>
      failure.errors.filter((error): error is Error => error instanceof Error),
    );
    throw new HealError([...new Set(errors)], [...new Set(failures.flatMap((failure) => failure.manualCommands))]);
  }

  /** Waits, within reason, for engine calls that are under way: one of them could land after its undo. */
  async settle(): Promise<void> {
    if (this.#acting.size === 0) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, settleMs);
    await Promise.race([Promise.allSettled(this.#acting), late]);
    clearTimeout(timer);
  }

  #assertFree(prepared: PreparedFault): void {
    for (const active of this.#taken) {
      const both = prepared.occupies.filter((thing) => active.occupies.includes(thing));
      if (both.length > 0) throw new FaultConflictError(prepared.fault, active.fault, both);
    }
  }

  async #journal(prepared: PreparedFault): Promise<void> {
    const { journal } = this.#options;
    const written: string[] = [];
    try {
      for (const entry of prepared.entries) {
        await journal.append(entry);
        written.push(entry.id);
      }
    } catch (error) {
      // the act never happens
      for (const id of written) await journal.close(id);
      throw error;
    }
  }

  async #act(prepared: PreparedFault, live: LiveFault): Promise<void> {
    const { config, timeline, signal } = this.#options;
    const { engine, action, planned } = prepared;
    const what = `${engine.name}: ${action.summary}`;
    timeline.record(what, { fault: prepared.id, targets: prepared.targets.map((target) => ({ ...target })) });
    this.#active.add(live);
    live.markActing();
    const acting = withLimit(what, planned.limitMs ?? config.waits.act, (limit) =>
      planned.act(AbortSignal.any([limit, signal])),
    );
    this.#acting.add(acting);
    try {
      timeline.record(`${engine.name} says it is done`, { fault: prepared.id, ...(await acting) });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TargetError || error instanceof EngineError) throw error;
      throw new EngineError(engine.name, error instanceof Error ? error.message : String(error), { cause: error });
    } finally {
      this.#acting.delete(acting);
    }
  }

  async #awaitEffect(prepared: PreparedFault, timeoutMs: number): Promise<Evidence> {
    const { timeline, signal } = this.#options;
    const { fault, id, engine, lookEffect } = prepared;
    try {
      const evidence = await observeUntilSeen(`the effect of ${fault}`, lookEffect, { timeoutMs, signal });
      timeline.record(`${fault} in force: ${evidence.what}`, { fault: id, ...evidence.data });
      return evidence;
    } catch (cause) {
      if (!(cause instanceof WaitTimeoutError)) throw cause;
      throw new NoEffectError(
        `${fault}: ${engine.name} reported success, but no effect was seen within ${timeoutMs / 1000} s: ${cause.lastObserved}`,
        { cause },
      );
    }
  }

  #liveFault(prepared: PreparedFault, healedWithinMs: number, ttlMs: number): LiveFault {
    const { config, engines, journal, timeline } = this.#options;
    return new LiveFault({
      id: prepared.id,
      fault: prepared.fault,
      engine: prepared.engine.name,
      options: prepared.options,
      targets: prepared.targets,
      occupies: prepared.occupies,
      entries: prepared.entries,
      lookHealed: prepared.lookHealed,
      healedWithinMs,
      timeline,
      undo: {
        journal,
        engines,
        context: this.#engineContext(),
        limitMs: config.waits.undo,
        onUndone: (entry, how) => timeline.record(`undone: ${how}`, { fault: entry.faultId }),
      },
      ttlMs,
      onExpired: this.#options.onExpired,
      onHealed: (fault) => {
        this.#active.delete(fault);
        this.#taken.delete(fault);
      },
    });
  }

  #engineContext(): EngineContext {
    const { kube, namespace, name } = this.#options.cluster;
    const { chaosMesh, operatorNamespace } = this.#options.config;
    return { kube, cluster: { namespace, name }, operatorNamespace, chaosMesh, lab: this.#options.lab };
  }
}

function within(duration: string | number | undefined): number | undefined {
  return duration === undefined ? undefined : parseDuration(duration);
}
