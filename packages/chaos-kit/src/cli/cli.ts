import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Command } from './command.ts';
import { ledgerCatCommand } from './ledger-cat-command.ts';
import { stopCommand } from './stop-command.ts';
import { sweepCommand } from './sweep-command.ts';
import { UsageError } from './usage-error.ts';
import { verifyCommand } from './verify-command.ts';

const commands: readonly Command[] = [verifyCommand, ledgerCatCommand, sweepCommand, stopCommand];

const usage = `Chaos experiments against CloudNativePG.

${commands.map((command) => command.usage).join('\n')}

Specs are run by vitest: npx vitest run --project chaos
`;

async function main(argv: readonly string[]): Promise<number> {
  const words = argv.filter((arg) => !arg.startsWith('-'));
  const command = commands.find(({ name }) => words.join(' ').concat(' ').startsWith(`${name} `));
  const { values, positionals } = parse(argv, command);
  if (values['help'] === true || words[0] === 'help') {
    print(usage);
    return 0;
  }
  if (command === undefined) {
    throw new UsageError(words.length === 0 ? usage : `unknown command '${words.join(' ')}'\n\n${usage}`);
  }
  const args = positionals.slice(command.name.split(' ').length);
  return await command.run({ args, options: values, print });
}

function parse(argv: readonly string[], command: Command | undefined) {
  try {
    const options = { ...command?.options, help: { type: 'boolean', short: 'h' } } as const;
    return parseArgs({ args: [...argv], allowPositionals: true, options });
  } catch (cause) {
    throw new UsageError(`${cause instanceof Error ? cause.message : String(cause)}\n\n${usage}`, { cause });
  }
}

/** Synchronous, so that a command that prints much waits for its reader. `chaos-kit ledger cat … | head`: the reader may leave first. */
function print(text: string): void {
  const bytes = Buffer.from(text);
  let done = 0;
  while (done < bytes.length) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EPIPE') process.exit(0);
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  if (process.env['DEBUG'] !== undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = 2;
}
