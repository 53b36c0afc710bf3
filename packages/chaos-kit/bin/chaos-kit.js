#!/usr/bin/env node
// Plain JavaScript that also an old Node can read, so that an old Node gets a sentence instead of a stack trace.
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

// 1 is a verdict of `verify`: whatever goes wrong before the command runs must not look like one.
process.exitCode = 2;

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  console.error(
    `chaos-kit needs Node 22.22 or newer; this is ${process.version}. Run it as 'npx chaos-kit …': npx takes the Node that the project installs.`,
  );
  process.exit();
}

// Compiled code is kept between commands, which start in half the time then.
module.enableCompileCache();

// Installed from a registry there is only the built code; in a checkout the source is the truth.
const installed = import.meta.url.includes('/node_modules/');
const source = new URL('../src/cli/cli.ts', import.meta.url);
try {
  if (installed || !existsSync(fileURLToPath(source))) {
    await import('../dist/cli/cli.js');
  } else {
    module.registerHooks({
      resolve: (specifier, context, next) =>
        next(specifier, { ...context, conditions: ['@cnpg-chaos/source', ...context.conditions] }),
    });
    await import(source.href);
  }
} catch (error) {
  console.error(error);
  process.exit(2);
}
