import type { ProfileName } from '../cluster/profile.ts';
import type { EngineName, Json } from '../engines/engine.ts';
import type { KnownDefect } from '../experiment/verdict.ts';

/** What a scenario asks of the cluster that it runs on. What is not met makes it skip, with the reason. */
export interface ScenarioNeeds {
  /** Nodes that take pods, at least. */
  readonly nodes: number;
  /** Engines, each usable. */
  readonly engines: readonly EngineName[];
}

/** What CloudNativePG is expected to do. */
export interface Expectation {
  /** How many promotions; `0..1` when a race decides. */
  readonly promotions: 0 | 1 | '0..1';
  /** Whether clients can write: all the time, with a gap, or commits wait until the fault is healed. */
  readonly writes: 'continue' | 'gap' | 'block';
  /** In words, with the documented mechanism. */
  readonly because: string;
}

/** How long something may take. Both grounds stand beside it, so that a miss means something. */
export interface Budget {
  /** Such as `'30s'`. Asserted as written. */
  readonly limit: string;
  /** What the documentation says, and where. */
  readonly documented: string;
  /** What was measured when the limit was set. */
  readonly measured: Measured;
}

/** Measured runs, in seconds. */
export interface Measured {
  readonly runs: number;
  readonly median: number;
  readonly worst: number;
}

/** A defect of CloudNativePG that the scenario shows. */
export interface ScenarioFinding extends KnownDefect {
  /** What was measured. */
  readonly measured: string;
}

/** A chaos experiment as data: what is broken, what must happen, and why. Specs run it, documentation is made from it. */
export interface Scenario {
  /** kebab-case, `<area>-<verb>-<target>[-<twist>]`; the name of its spec file. */
  readonly id: string;
  /** One sentence: what holds. */
  readonly title: string;
  /** Given … when … then …. */
  readonly hypothesis: string;
  /** Tags of its spec: its area, and the sets it belongs to. */
  readonly tags: readonly string[];
  readonly profile: ProfileName;
  /** The fixtures, with their options, in the order in which they are used. */
  readonly faults: readonly { readonly fixture: string; readonly options: { readonly [key: string]: Json } }[];
  readonly needs: ScenarioNeeds;
  readonly expects: Expectation;
  readonly budget: {
    /** From the fault until writes are back. */
    readonly recovery?: Budget;
    /** From the evidence that the fault is gone until writes are back; for faults that block writes as long as they last. */
    readonly afterHeal?: Budget;
    /** Longest time without an acknowledged write. */
    readonly writeGap?: Budget;
    /** From the fault until the cluster is healthy by every measure. */
    readonly converged?: Budget;
  };
  readonly findings: readonly ScenarioFinding[];
  /** Pages of CloudNativePG's documentation, or issues. */
  readonly docs: readonly string[];
}
