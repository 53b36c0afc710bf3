import { cp, copyFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fillIn, type BuildContext, type Contents } from './build-context.ts';
import type { ComponentOf } from './component-file.ts';
import { goEnvironment } from './go-toolchain.ts';
import { CommandError, runCommand, type RunOptions } from './run-command.ts';

/** Builds Go programs out of the modules that the component's go.mod pins, and keeps files that the module ships. */
export async function buildGo(component: ComponentOf<'go'>, context: BuildContext): Promise<Contents> {
  const go = await context.go();
  const source = join(context.work, 'src');
  await cp(component.dir, source, { recursive: true });
  const env = { ...goEnvironment(context.layout), GOTMPDIR: context.work };
  const run: RunOptions = { cwd: source, env, log: context.log, signal: context.signal };

  context.step.detail('modules');
  await resolveModules(go, component, context, run);
  await runCommand([go, 'mod', 'download', component.module], run);
  const module = await runCommand([go, 'list', '-m', '-f', '{{.Version}}\n{{.Dir}}', component.module], run);
  const [tag = '', moduleDir = ''] = module.trim().split('\n');
  const version = tag.replace(/^v/, '');
  const [major = '', minor = ''] = version.split('.');
  const variables = { version, major, minor };

  let shippedFrom = moduleDir;
  if (component.compile.length > 0) {
    shippedFrom = await copyModuleAndCompile(component, moduleDir, context);
    await runCommand([go, 'mod', 'edit', `-replace=${component.module}=${shippedFrom}`], run);
  }
  for (const program of component.programs) {
    context.step.detail(`compiling ${program.output}`);
    const ldflags = ['-s -w', ...program.ldflags.map((flag) => fillIn(flag, variables))];
    if (program.cgo) ldflags.push('-linkmode external -extldflags -static');
    await runCommand(
      [
        ...([go, 'build', '-mod=readonly', '-buildvcs=false', '-trimpath'] as const),
        ...(program.cgo ? ['-tags', 'netgo,osusergo'] : []),
        '-ldflags',
        ldflags.join(' '),
        '-o',
        join(context.work, program.output),
        program.package,
      ],
      { ...run, env: { ...env, CGO_ENABLED: program.cgo ? '1' : '0' } },
    );
  }
  for (const [name, path] of Object.entries(component.shipped)) {
    await copyFile(join(shippedFrom, fillIn(path, variables)), join(context.work, name));
  }
  context.step.detail(version);
  const goVersion = await runCommand([go, 'env', 'GOVERSION'], run);
  return {
    versions: { [component.module]: version, go: goVersion.trim().replace(/^go/, '') },
    files: [...component.programs.map((program) => program.output), ...Object.keys(component.shipped)],
    layers: [],
    variables,
  };
}

/**
 * go.mod and go.sum in the folder fit together unless somebody has just edited a version. Then they are completed for
 * this build, each new checksum checked against Go's checksum database, and the user is told how to keep that.
 */
async function resolveModules(
  go: string,
  component: ComponentOf<'go'>,
  context: BuildContext,
  run: RunOptions,
): Promise<void> {
  const packages = component.programs.map((program) => program.package);
  try {
    await runCommand([go, 'list', '-mod=readonly', '-deps', '-f', '{{if .Module}}{{end}}', ...packages], run);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    await runCommand([go, 'mod', 'tidy'], run);
    context.note(
      `${component.name}: go.mod and go.sum do not fit together; completed for this build. To keep it: cd ${component.dir} && go mod tidy`,
    );
  }
}

// The module cache is read-only, and go refuses overlays into it: the programs are built with a writable copy.
async function copyModuleAndCompile(
  component: ComponentOf<'go'>,
  moduleDir: string,
  context: BuildContext,
): Promise<string> {
  const copy = join(context.work, 'module');
  const options = { log: context.log, signal: context.signal };
  await cp(moduleDir, copy, { recursive: true });
  await runCommand(['chmod', '-R', 'u+w', copy], options);
  for (const unit of component.compile) {
    const flags = [...unit.flags, ...(context.architecture === 'arm64' ? unit.arm64Flags : [])];
    await runCommand(['gcc', ...flags, '-o', unit.output, unit.source], { ...options, cwd: copy });
    await stat(join(copy, unit.output));
  }
  return copy;
}
