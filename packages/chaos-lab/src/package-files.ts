import { readFile } from 'node:fs/promises';
import { LabError } from './errors.ts';

// Works from src/ and from dist/: both lie directly in the package.
const root = new URL('../manifests/', import.meta.url);

/** Reads a file of `manifests/`. */
export function readManifest(path: string): Promise<string> {
  return readFile(new URL(path, root), 'utf8');
}

/** Replaces each `{{NAME}}`; throws when a name has no value, so that no placeholder reaches a node. */
export function fill(template: string, values: Record<string, string>): string {
  return template.replaceAll(/\{\{([A-Z_]+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new LabError('STATE', `a manifest asks for {{${name}}}, which has no value`);
    return value;
  });
}
