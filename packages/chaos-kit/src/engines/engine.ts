import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { LabControl } from './lab-control.ts';

/** Every engine by name, in the order in which error messages list them. */
export const engineNames = ['kubernetes', 'chaos-mesh', 'agent', 'lab'] as const;

/**
 * Who breaks things: `kubernetes` uses the plain API, `chaos-mesh` its custom resources, `agent` a pod on each node,
 * `lab` the machines themselves.
 */
export type EngineName = (typeof engineNames)[number];

/** Plain data that survives a journal on disk. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** What an action knows of its undo before it acts: pure data, so that another process can carry it out. */
export interface UndoStep {
  /** Which undo of the engine, for instance `delete-object`. */
  readonly kind: string;
  readonly data: { readonly [key: string]: Json };
  /** Own limit of this undo in milliseconds. Default: the `undo` wait of the configuration. */
  readonly limitMs?: number;
}

/** A registered undo. Carrying it out twice, or when the act never happened, does no harm. */
export interface UndoEntry extends UndoStep {
  readonly id: string;
  readonly engine: EngineName;
  /** The injected fault that it belongs to. */
  readonly faultId: string;
}

/** Where an engine works. */
export interface EngineContext {
  readonly kube: KubeClient;
  /** The cluster under test. */
  readonly cluster: { readonly namespace: string; readonly name: string };
  /** Namespace of the CloudNativePG operator. */
  readonly operatorNamespace: string;
  readonly chaosMesh: {
    readonly namespace: string;
    readonly faultNamespace?: string | undefined;
    /** IOChaos may be used although it tampers with the open files of a running PostgreSQL. */
    readonly allowIOChaos?: boolean | undefined;
  };
  /** Power over the machines themselves; only where the provider has it. */
  readonly lab?: LabControl | undefined;
}

/** Where an action is planned: unique ids, and the labels that every object it creates must carry. */
export interface PlanContext extends EngineContext {
  readonly faultId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The fault must end by itself this long after the act, in milliseconds, whoever is still alive then. */
  readonly ttlMs: number;
}

/** An action, ready to be journalled and then carried out. */
export interface PlannedAction {
  /** In the order of the act; undone in reverse. Empty when there is nothing to undo. */
  readonly undo: readonly UndoStep[];
  /** Own limit of the act in milliseconds, for what takes long by its nature. Default: the `act` wait of the configuration. */
  readonly limitMs?: number;
  /** Breaks it. Resolves when the engine says that it is done; returns what is worth a line in the timeline. */
  act(signal: AbortSignal): Promise<{ readonly [key: string]: Json }>;
}

/** What a fault asks of one engine. Planning has no side effects. */
export interface Action {
  /** One line, for the timeline and dry runs. */
  readonly summary: string;
  plan(context: PlanContext): PlannedAction;
}

/** Something that an engine misses on this cluster, and how to provide it. */
export interface EngineProblem {
  readonly missing: string;
  readonly remedy: string;
}

/** Something that an engine left behind: what a leak detector finds, and what a sweep removes. */
export interface Leftover {
  /** One line for people: kind, place, name. */
  readonly what: string;
  /** Removes it. */
  readonly undo: UndoStep;
  /** Run that made it, where it says so. */
  readonly runId?: string | undefined;
}

/** The contract that all engines meet. */
export interface Engine {
  readonly name: EngineName;
  /**
   * What this cluster lacks for the engine to work, and which rights are missing; empty when it is ready. Touches nothing.
   *
   * @param needs what the fault asks for besides, in the engine's own words, for instance a kind of object or a kernel feature
   */
  preflight(context: EngineContext, signal: AbortSignal, needs: readonly string[]): Promise<readonly EngineProblem[]>;
  /** Carries out one undo and says how. Idempotent. Throws when the fault may still be there. */
  undo(entry: UndoEntry, context: EngineContext, signal: AbortSignal): Promise<string>;
  /** What a person would type to do the same. */
  manualCommand(entry: UndoEntry): string;
  /**
   * Everything of this engine that is still there: in the namespace under test, on its pods, nodes and volumes, and where
   * the operator runs. Does not trust the journal: it looks. Touches nothing.
   */
  leftovers(context: EngineContext, signal: AbortSignal): Promise<readonly Leftover[]>;
}
