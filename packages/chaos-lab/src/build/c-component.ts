import { join } from 'node:path';
import type { BuildContext, Contents } from './build-context.ts';
import type { ComponentOf } from './component-file.ts';
import { runCommand } from './run-command.ts';

/** Compiles static programs out of C files of the component's folder. */
export async function buildC(component: ComponentOf<'c'>, context: BuildContext): Promise<Contents> {
  for (const program of component.programs) {
    await runCommand(
      ['gcc', '-O2', '-Wall', '-Werror', '-static', '-s', '-o', join(context.work, program.output), program.source],
      { cwd: component.dir, log: context.log, signal: context.signal },
    );
  }
  return { versions: {}, files: component.programs.map((program) => program.output), layers: [], variables: {} };
}
