import { join } from 'node:path';
import type { BuildFacts } from './artefact-store.ts';
import type { BuildContext, Contents } from './build-context.ts';
import { buildC } from './c-component.ts';
import type { Component } from './component-file.ts';
import { contentKey, directoryKey } from './content-key.ts';
import { buildDebian } from './debian-component.ts';
import { buildGo } from './go-component.ts';
import { assembleImage, imageArchive, inputOf } from './image-assembly.ts';

/** Raise when builders of a kind make something else out of the same component folder. */
const builderVersions: Record<Component['kind'], number> = { go: 1, debian: 1, c: 1, image: 1 };

/** Key of a component: its folder, the architecture, the builders and the keys of what it is made of. */
export async function componentKey(
  component: Component,
  architecture: string,
  inputKeys: Readonly<Record<string, string>>,
): Promise<string> {
  return contentKey({
    folder: await directoryKey(component.dir),
    architecture,
    builder: `${component.kind} ${builderVersions[component.kind]}`,
    inputs: contentKey(inputKeys),
  });
}

/** Builds a component into `context.work`. What its image holds is not kept a second time. */
export async function buildComponent(component: Component, key: string, context: BuildContext): Promise<BuildFacts> {
  const contents = await buildContents(component, context);
  if (!component.image) return { versions: contents.versions, files: contents.files };
  const ref = await assembleImage({ ...component, image: component.image }, key, contents, context);
  const inImage = new Set([
    'layer.tar',
    ...component.files.map((file) => (file.component || file.npm ? '' : file.file)),
  ]);
  return {
    versions: contents.versions,
    ref,
    files: [imageArchive, ...contents.files.filter((file) => !inImage.has(file))],
  };
}

async function buildContents(component: Component, context: BuildContext): Promise<Contents> {
  switch (component.kind) {
    case 'go':
      return buildGo(component, context);
    case 'debian':
      return buildDebian(component, context);
    case 'c':
      return buildC(component, context);
    case 'image': {
      const versions = [...context.inputs.values()].map((input) => input.metadata.versions);
      return {
        versions: Object.assign({}, ...versions),
        files: [],
        layers: [join(inputOf(context, component.from).dir, 'layer.tar')],
        variables: {},
      };
    }
  }
}
