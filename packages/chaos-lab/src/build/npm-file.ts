import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const packageFile = z.object({ version: z.string() });

/**
 * Path of a file in an installed package of npm.
 * @param spec `name@version`: another version that is installed is an error, since the component's key names this one
 * @param root file from which the package is looked for; replaced in tests
 */
export async function npmFile(spec: string, file: string, root: string = import.meta.url): Promise<string> {
  const at = spec.lastIndexOf('@');
  const name = spec.slice(0, at);
  const wanted = spec.slice(at + 1);
  let manifest: string;
  try {
    manifest = createRequire(root).resolve(`${name}/package.json`);
  } catch (cause) {
    throw new Error(`package ${name} is not installed: npm install ${spec}`, { cause });
  }
  const { version } = packageFile.parse(JSON.parse(await readFile(manifest, 'utf8')));
  if (version !== wanted) throw new Error(`package ${name} has version ${version}: npm install ${spec}`);
  return join(dirname(manifest), file);
}
