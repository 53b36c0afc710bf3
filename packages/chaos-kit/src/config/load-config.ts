import { access } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ChaosConfig, defineChaosConfig, parseChaosConfig } from './chaos-config.ts';
import { ConfigError } from './config-error.ts';

/** Names that are looked for, in this order. */
export const configFileNames = ['chaos.config.ts', 'chaos.config.mts', 'chaos.config.js', 'chaos.config.mjs'] as const;

/**
 * Loads `chaos.config.ts` from `root`, or the defaults when there is none. Kubeconfig paths become absolute, relative to
 * the file's folder. The environment is not consulted: a `KUBECONFIG` variable never chooses what gets broken.
 *
 * @throws ConfigError when the file does not load, has no default export, or is not valid.
 */
export async function loadChaosConfig(root: string): Promise<ChaosConfig> {
  const path = await findConfigFile(root);
  if (path === undefined) return defineChaosConfig();
  const config = parseChaosConfig(await importDefault(path), path);
  const folder = dirname(path);
  const clusters = config.clusters.map((cluster) => ({
    ...cluster,
    kubeconfig: isAbsolute(cluster.kubeconfig) ? cluster.kubeconfig : resolve(folder, cluster.kubeconfig),
  }));
  return { ...config, clusters };
}

async function findConfigFile(root: string): Promise<string | undefined> {
  for (const name of configFileNames) {
    const path = join(root, name);
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) return path;
  }
  return undefined;
}

async function importDefault(path: string): Promise<unknown> {
  let loaded: { default?: unknown };
  try {
    loaded = (await import(pathToFileURL(path).href)) as { default?: unknown };
  } catch (cause) {
    const expected = 'a module that can be imported';
    throw new ConfigError([{ field: 'the file', value: String(cause), expected }], { source: path, cause });
  }
  if (loaded.default === undefined) {
    const expected = 'export default defineChaosConfig({ … })';
    throw new ConfigError([{ field: 'default export', value: undefined, expected }], { source: path });
  }
  return loaded.default;
}
