// npm run check: types, lint, format, package shape and import arrows, side by side. Exit code 1 when any of them fails.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** name → commands that run one after the other; the names run side by side. */
const checks = {
  types: [['tsc', '-b']],
  lint: [['oxlint', '--type-aware', '--deny-warnings', '.']],
  format: [['oxfmt', '--check', '.']],
  arrows: [['node', 'scripts/arrows.mjs']],
  // publint looks at what would be packed, so the declarations must have been built.
  shape: [
    ['tsc', '-b'],
    ...['cnpg-utils', 'chaos-lab', 'chaos-kit'].map((name) => ['publint', '--strict', `packages/${name}`]),
  ],
};

function run(command) {
  return new Promise((resolve) => {
    const child = spawn(command[0], command.slice(1), { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ ok: false, output: String(error) }));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}

async function check(name, commands) {
  const started = performance.now();
  for (const command of commands) {
    const { ok, output } = await run(command);
    if (!ok) {
      console.log(`✗ ${name} (${command.join(' ')})\n${output.trimEnd()}\n`);
      return false;
    }
  }
  console.log(`✓ ${name} ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return true;
}

// types and shape both build: one after the other, beside the rest.
const { types, shape, ...rest } = checks;
const results = await Promise.all([
  (async () => (await check('types', types)) && (await check('shape', shape)))(),
  ...Object.entries(rest).map(([name, commands]) => check(name, commands)),
]);
process.exit(results.every(Boolean) ? 0 : 1);
