import { pathToFileURL } from 'node:url';
import { defaultEngines, type EngineRegistry } from '../engines/registry.ts';

/** The module that should give other engines does not. */
export class EnginesModuleError extends Error {
  override readonly name = 'EnginesModuleError';
  readonly code = 'CHAOS_ENGINES_MODULE';
}

/**
 * The engines of a run: those of the kit, or the export `engines` of a module.
 *
 * @param path absolute path of the module
 * @throws EnginesModuleError
 */
export async function loadEngines(path: string | undefined): Promise<EngineRegistry> {
  if (path === undefined) return defaultEngines;
  let loaded: { engines?: unknown };
  try {
    loaded = (await import(pathToFileURL(path).href)) as { engines?: unknown };
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new EnginesModuleError(`engines: ${path} cannot be imported: ${text}`, { cause });
  }
  if (typeof loaded.engines !== 'object' || loaded.engines === null) {
    throw new EnginesModuleError(`engines: ${path} has no export "engines" with all engines by name`);
  }
  return { ...defaultEngines, ...(loaded.engines as Partial<EngineRegistry>) };
}
