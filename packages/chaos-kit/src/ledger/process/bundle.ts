import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

let bundled: Promise<string> | undefined;

/**
 * The process of the writers as the text of one CommonJS file that needs nothing but Node. A built package holds it; the
 * sources are bundled when it is first asked for.
 */
export function writerBundle(): Promise<string> {
  bundled ??= import.meta.url.endsWith('.ts')
    ? bundleSource(fileURLToPath(new URL('./main.ts', import.meta.url)))
    : readFile(new URL('../../writers.cjs', import.meta.url), 'utf8');
  return bundled;
}

async function bundleSource(input: string): Promise<string> {
  const { rolldown } = await import('rolldown');
  const build = await rolldown({ input, platform: 'node', external: ['pg-native'] });
  try {
    const { output } = await build.generate({ format: 'cjs', codeSplitting: false });
    return output[0].code;
  } finally {
    await build.close();
  }
}
