// The import arrows of docs/architecture.md, as data. Exit code 1 and one line per import that goes against them.
import { globSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * Each rule: files under `from` may not import what `forbid` matches. An import is named by the path of the file it
 * resolves to when it is relative, else by its package name. `except` lists files that are allowed to.
 */
export const rules = [
  {
    from: /^packages\/cnpg-utils\//,
    forbid: /^(@cnpg-chaos\/|packages\/chaos-)/,
    why: 'cnpg-utils stands below everything',
  },
  {
    from: /^packages\/chaos-lab\//,
    forbid: /^(@cnpg-chaos\/(chaos-kit|cnpg-utils)|packages\/(chaos-kit|cnpg-utils)\/)/,
    why: 'chaos-lab stands beside',
  },
  {
    from: /^packages\/chaos-kit\/src\//,
    except: /^packages\/chaos-kit\/src\/provider\/lab\.ts$/,
    forbid: /^(@cnpg-chaos\/chaos-lab|packages\/chaos-lab\/)/,
    why: 'the lab is reached only through its provider',
  },
  {
    from: /^packages\/[^/]+\/src\//,
    except: /^packages\/chaos-kit\/src\/vitest\/|\.test\.ts$/,
    forbid: /^vitest(\/|$)/,
    why: 'vitest is touched only in chaos-kit/src/vitest',
  },
  {
    from: /^packages\/chaos-kit\/src\/(ledger|observers)\//,
    forbid: /^packages\/chaos-kit\/src\/(faults|engines|experiment|targets|vitest)\//,
    why: 'ledger and observers only look',
  },
  {
    from: /^packages\/chaos-kit\/src\/engines\//,
    forbid: /^packages\/chaos-kit\/src\/(faults|experiment|vitest|report)\//,
    why: 'vitest → experiment → faults → engines',
  },
  {
    from: /^packages\/chaos-kit\/src\/faults\//,
    forbid: /^packages\/chaos-kit\/src\/(experiment|vitest|report)\//,
    why: 'vitest → experiment → faults → engines',
  },
  {
    from: /^packages\/chaos-kit\/src\/(experiment|safety|targets|provider|config|report)\//,
    forbid: /^packages\/chaos-kit\/src\/vitest\//,
    why: 'vitest → experiment → faults → engines',
  },
  {
    from: /^suites\//,
    forbid: /^(packages\/|@cnpg-chaos\/chaos-lab)/,
    why: 'suites use the packages by name, and never the lab',
  },
];

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s[^'";]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** Every specifier that a source text imports, static or dynamic. */
export function importsOf(text) {
  return [...text.matchAll(importPattern)].map((match) => match[1] ?? match[2] ?? match[3]);
}

/** The violations of `rules` by one file; `file` is relative to the root, with forward slashes. */
export function violations(file, text) {
  return importsOf(text).flatMap((specifier) => {
    const target = specifier.startsWith('.') ? relative('/', resolve('/', dirname(file), specifier)) : specifier;
    return rules
      .filter((rule) => rule.from.test(file) && !rule.except?.test(file) && rule.forbid.test(target))
      .map((rule) => `${file} imports ${specifier}: ${rule.why}`);
  });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const files = globSync(['packages/*/{src,test,bench}/**/*.ts', 'suites/**/*.ts'], { cwd: root });
  const found = files.flatMap((file) => violations(file, readFileSync(`${root}${file}`, 'utf8')));
  for (const line of found) console.error(line);
  if (files.length === 0) throw new Error('no source files found; the pattern is wrong');
  process.exit(found.length === 0 ? 0 : 1);
}
