import { readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

/** The folder of all components. The same seen from `src/build` and from `dist/build`. */
export const componentsDir = normalize(join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'components'));

const imageSchema = z.strictObject({
  /** Last part of the image's name. */
  name: z.string(),
  /** Debian package whose upstream version starts the tag. Default: the tag is the key alone. */
  tagFromPackage: z.string().optional(),
  user: z.string().optional(),
  env: z.array(z.string()).optional(),
  entrypoint: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  workdir: z.string().optional(),
});

const layerFileSchema = z.strictObject({
  /** Component that made the file. Default: this one, or a file of its folder. */
  component: z.string().optional(),
  /** Package of npm that holds the file, `name@version`; it must be installed. `{npmarch}` is x64 or arm64. */
  npm: z
    .string()
    .regex(/^.+@[^@]+$/)
    .optional(),
  file: z.string(),
  /** Path in the image, relative to its root. `{arch}` is amd64 or arm64. */
  to: z.string(),
});

const common = {
  /** What the progress line says. */
  title: z.string(),
  /** Files of one more layer; all are executable. */
  files: z.array(layerFileSchema).default([]),
  /** Symbolic links of that layer: path in the image → target. */
  links: z.record(z.string(), z.string()).default({}),
  /** Absent: the component is only an ingredient of others. */
  image: imageSchema.optional(),
};

const compileSchema = z.strictObject({
  source: z.string(),
  output: z.string(),
  flags: z.array(z.string()).default([]),
  /** Further flags on arm64. */
  arm64Flags: z.array(z.string()).default([]),
});

const goSchema = z.strictObject({
  kind: z.literal('go'),
  ...common,
  /** Module whose version, read from go.mod, is the component's: `{version}`, `{major}`, `{minor}` in other fields. */
  module: z.string(),
  programs: z
    .array(
      z.strictObject({
        package: z.string(),
        output: z.string(),
        ldflags: z.array(z.string()).default([]),
        /** Links C code, statically. */
        cgo: z.boolean().default(false),
      }),
    )
    .min(1),
  /** C files of the module that are compiled in a copy of it before the programs, which are then built with that copy. */
  compile: z.array(compileSchema).default([]),
  /** Files to keep from the module's folder: name in the artefact → path in the module. */
  shipped: z.record(z.string(), z.string()).default({}),
});

const debianSchema = z.strictObject({
  kind: z.literal('debian'),
  ...common,
  suite: z.string(),
  /** mmdebstrap's: `apt` is a small Debian, `extract` is unpacked packages without apt, dpkg or maintainer scripts. */
  variant: z.enum(['apt', 'extract']),
  packages: z.array(z.string()).min(1),
  /** Script of the folder that finishes the root file system; its argument is the root. */
  hook: z.string(),
});

const cSchema = z.strictObject({
  kind: z.literal('c'),
  ...common,
  programs: z.array(z.strictObject({ source: z.string(), output: z.string() })).min(1),
});

const assembledSchema = z.strictObject({
  kind: z.literal('image'),
  ...common,
  /** Component whose layers are below. */
  from: z.string(),
});

const componentSchema = z.discriminatedUnion('kind', [goSchema, debianSchema, cSchema, assembledSchema]);

/** What a component's `component.yaml` says, with its name and folder. */
export type Component = z.infer<typeof componentSchema> & { name: string; dir: string };
/** A component of one kind. */
export type ComponentOf<K extends Component['kind']> = Extract<Component, { kind: K }>;

/** A component.yaml that is not there or not right. */
export class ComponentFileError extends Error {
  override readonly name = 'ComponentFileError';
  readonly code = 'COMPONENT_FILE_INVALID';
}

/**
 * Reads `<root>/<name>/component.yaml`.
 * @throws ComponentFileError naming the file, the field and what would be right
 */
export async function readComponent(name: string, root: string = componentsDir): Promise<Component> {
  const dir = join(root, name);
  const file = join(dir, 'component.yaml');
  let content: unknown;
  try {
    content = parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new ComponentFileError(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  const parsed = componentSchema.safeParse(content);
  if (!parsed.success) throw new ComponentFileError(`${file}:\n${z.prettifyError(parsed.error)}`);
  return { ...parsed.data, name, dir };
}

/** Names of the components that this one is made of. */
export function inputsOf(component: Component): string[] {
  const named = component.files.flatMap((file) => (file.component ? [file.component] : []));
  return [...new Set(component.kind === 'image' ? [component.from, ...named] : named)].sort();
}
