import type { StepHandle } from '../progress.ts';
import type { Architecture } from './architecture.ts';
import type { Artefact } from './artefact-store.ts';
import type { CacheLayout } from './cache-dir.ts';

/** What building one component may use. */
export interface BuildContext {
  layout: CacheLayout;
  architecture: Architecture;
  /** Directory of this build; files named in the result are kept, the rest is dropped. */
  work: string;
  /** File for the output of commands. */
  log: string;
  step: StepHandle;
  signal: AbortSignal | undefined;
  /** Artefacts of the components that this one is made of, by name. */
  inputs: ReadonlyMap<string, Artefact>;
  /** The Go toolchain; found or installed when first asked for. */
  go(): Promise<string>;
  /** One line for the user. */
  note(text: string): void;
}

/** What building the contents of a component, before its image, says. */
export interface Contents {
  versions: Record<string, string>;
  /** Files in the work directory that were made. */
  files: string[];
  /** Layer tars below the component's own files, lowest first. */
  layers: string[];
  /** Replaced in paths of the component file: `{name}` → value. */
  variables: Record<string, string>;
}

/** Replaces each `{name}` that `variables` has. */
export function fillIn(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{([a-z]+)\}/g, (whole, name: string) => variables[name] ?? whole);
}
