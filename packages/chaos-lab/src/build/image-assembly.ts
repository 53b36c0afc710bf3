import { access, chmod, copyFile, mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { npmFile } from './npm-file.ts';
import { fillIn, type BuildContext, type Contents } from './build-context.ts';
import type { Component } from './component-file.ts';
import { upstreamVersion } from './debian-component.ts';
import { packDirectory, writeDockerArchive } from './docker-archive.ts';

/** Name of the archive in the artefact of a component that has an image. */
export const imageArchive = 'image.tar';
/** First part of the name of every image of the lab. */
export const imagePrefix = 'cnpg-chaos.lab';
/** Hex digits of the key that a tag shows. */
export const shownKey = 12;

/** Packs the image of a component into `image.tar` and returns its name and tag. */
export async function assembleImage(
  component: Component & { image: NonNullable<Component['image']> },
  key: string,
  contents: Contents,
  context: BuildContext,
): Promise<string> {
  const { image } = component;
  const npmarch = context.architecture === 'amd64' ? 'x64' : 'arm64';
  const variables = { ...contents.variables, arch: context.architecture, npmarch };
  const layers = [...contents.layers];
  const own = await packOwnFiles(component, variables, context);
  if (own) layers.push(own);
  const ref = `${imagePrefix}/${image.name}:${versionPrefix(component, contents)}${key.slice(0, shownKey)}`;
  await writeDockerArchive(
    {
      ref,
      architecture: context.architecture,
      config: {
        User: image.user,
        Env: image.env,
        Entrypoint: image.entrypoint,
        Cmd: image.command,
        WorkingDir: image.workdir,
      },
      layers,
    },
    join(context.work, imageArchive),
    context.work,
    { log: context.log, signal: context.signal },
  );
  return ref;
}

function versionPrefix(component: Component, contents: Contents): string {
  const name = component.image?.tagFromPackage;
  if (!name) return '';
  const version = contents.versions[name];
  if (!version) throw new Error(`component ${component.name}: image.tagFromPackage ${name} is not among its packages`);
  return `${upstreamVersion(version)}-`;
}

async function packOwnFiles(
  component: Component,
  variables: Record<string, string>,
  context: BuildContext,
): Promise<string | undefined> {
  const links = Object.entries(component.links);
  if (component.files.length === 0 && links.length === 0) return undefined;
  const root = join(context.work, '.own-files');
  for (const file of component.files) {
    const target = join(root, fillIn(file.to, variables));
    await mkdir(dirname(target), { recursive: true });
    await copyFile(await sourceOf(file, variables, component, context), target);
    await chmod(target, 0o755);
  }
  for (const [path, target] of links) {
    const link = join(root, fillIn(path, variables));
    await mkdir(dirname(link), { recursive: true });
    await symlink(fillIn(target, variables), link);
  }
  const layer = join(context.work, '.own-files.tar');
  await packDirectory(root, layer, { log: context.log, signal: context.signal });
  await rm(root, { recursive: true });
  return layer;
}

async function sourceOf(
  file: Component['files'][number],
  variables: Record<string, string>,
  component: Component,
  context: BuildContext,
): Promise<string> {
  if (file.component) return join(inputOf(context, file.component).dir, file.file);
  if (file.npm) return npmFile(fillIn(file.npm, variables), file.file);
  const built = join(context.work, file.file);
  const exists = await access(built).then(
    () => true,
    () => false,
  );
  return exists ? built : join(component.dir, file.file);
}

/** The artefact of a component that another is made of. */
export function inputOf(context: BuildContext, name: string) {
  const artefact = context.inputs.get(name);
  if (!artefact) throw new Error(`component ${name} is used and was not built before`);
  return artefact;
}
