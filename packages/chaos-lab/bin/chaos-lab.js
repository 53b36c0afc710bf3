#!/usr/bin/env node
// Plain JavaScript that also an old Node can read, so that an old Node gets a sentence instead of a stack trace.
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  console.error(
    `chaos-lab needs Node 22.22 or newer; this is ${process.version}. Run it as 'npx chaos-lab …': npx takes the Node that the project installs.`,
  );
  process.exit(1);
}

// Compiled code is kept between commands, which start in half the time then.
module.enableCompileCache();

// Installed from a registry there is only the built code; in a checkout the source is the truth.
const installed = import.meta.url.includes('/node_modules/');
const source = new URL('../src/cli.ts', import.meta.url);
let cli;
if (installed || !existsSync(fileURLToPath(source))) {
  cli = await import('../dist/cli.js');
} else {
  module.registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: ['@cnpg-chaos/source', ...context.conditions] }),
  });
  cli = await import(source.href);
}
await cli.runFromTerminal();
