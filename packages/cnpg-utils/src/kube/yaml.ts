import { readFile } from 'node:fs/promises';
import type { KubernetesObject, V1ObjectMeta } from '@kubernetes/client-node';
import { LineCounter, parseAllDocuments } from 'yaml';
import type { KubeClient } from './client.ts';
import type { CallOptions } from './refs.ts';
import { describeRef } from './refs.ts';

/** A manifest that cannot be used. Its subclasses say why. Nothing was sent to the API server. */
export class ManifestError extends Error {
  override readonly name: string = 'ManifestError';
  readonly code: string = 'KUBE_MANIFEST';
  /** File, or what was given as its name. */
  readonly source: string;

  constructor(source: string, problem: string, cause?: unknown) {
    super(`${source}: ${problem}`, cause === undefined ? undefined : { cause });
    this.source = source;
  }
}

/** It is no YAML, or a document in it is no Kubernetes object. */
export class MalformedManifestError extends ManifestError {
  override readonly name = 'MalformedManifestError';
  override readonly code = 'KUBE_MANIFEST_MALFORMED';
}

/** A template names variables that have no value. */
export class UnknownVariableError extends ManifestError {
  override readonly name = 'UnknownVariableError';
  override readonly code = 'KUBE_MANIFEST_VARIABLE';
  /** Each name once, sorted. */
  readonly variables: readonly string[];

  constructor(source: string, variables: readonly string[], known: readonly string[]) {
    super(
      source,
      `no value for ${variables.map((name) => `\${${name}}`).join(', ')}; known are: ${known.join(', ') || 'none'}`,
    );
    this.variables = variables;
  }
}

/** The objects are of other kinds, or others in number, than were asked for. */
export class WrongKindError extends ManifestError {
  override readonly name = 'WrongKindError';
  override readonly code = 'KUBE_MANIFEST_KIND';
}

/** An object as a manifest has it. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: Pick<V1ObjectMeta, 'name' | 'generateName' | 'namespace' | 'labels' | 'annotations'>;
}

/**
 * Replaces `${NAME}`, in braces only. A variable that is missing or empty is an error; all of them are named at once.
 *
 * @param source name of the text, for messages
 * @throws UnknownVariableError
 */
export function renderTemplate(
  text: string,
  variables: Readonly<Record<string, string | undefined>>,
  source = 'template',
): string {
  const unknown = new Set<string>();
  const rendered = text.replaceAll(/\$\{(?<name>[A-Za-z_][A-Za-z0-9_]*)\}/g, (match, name: string) => {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (value !== undefined && value !== '') return value;
    unknown.add(name);
    return match;
  });
  if (unknown.size === 0) return rendered;
  const known = Object.keys(variables).filter((name) => (variables[name] ?? '') !== '');
  throw new UnknownVariableError(source, [...unknown].toSorted(), known.toSorted());
}

/**
 * The Kubernetes objects in a YAML (or JSON) text, in their order. Empty documents are left out, a `List` counts as its
 * items.
 *
 * @param source name of the text, for messages
 * @throws MalformedManifestError with line and column, or saying what an object lacks
 */
export function parseManifests(text: string, source = 'manifest'): Manifest[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document, index) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw new MalformedManifestError(source, problem.message, problem);
    const value: unknown = document.toJS();
    if (value === null || value === undefined) return [];
    const start = document.contents?.range?.[0];
    const where = start === undefined ? `document ${index + 1}` : `line ${lines.linePos(start).line}`;
    return objectsOf(value, source, where);
  });
}

/** Options of {@link readManifests}. */
export interface ReadManifestsOptions {
  /** Values for `${NAME}`. Without them the file is no template and is taken as it is. */
  variables?: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads the Kubernetes objects in a file.
 *
 * @throws ManifestError when it cannot be read; MalformedManifestError, UnknownVariableError
 */
export async function readManifests(path: string, options: ReadManifestsOptions = {}): Promise<Manifest[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new ManifestError(path, `cannot be read: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  return parseManifests(options.variables === undefined ? text : renderTemplate(text, options.variables, path), path);
}

/**
 * The one object of a kind among some. Others may be there, too.
 *
 * @throws WrongKindError when there is none or more than one, naming what is there
 */
export function onlyOfKind(manifests: readonly Manifest[], kind: string, source = 'manifest'): Manifest {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  const [only, another] = found;
  if (only !== undefined && another === undefined) return only;
  const there = manifests.map((manifest) => describeRef({ kind: manifest.kind, ...named(manifest) })).join(', ');
  throw new WrongKindError(source, `expected one ${kind}, got ${found.length}; there are: ${there || 'no objects'}`);
}

/** Options of {@link applyManifests} and {@link deleteManifests}. */
export interface ManifestOptions extends CallOptions {
  /** For objects that belong to a namespace and name none. */
  namespace?: string;
}

/**
 * Applies objects one after the other, by server-side apply.
 *
 * @returns the objects as the API server has them
 * @throws KubeError of the first one that is refused; those before it are in place
 */
export async function applyManifests(
  kube: KubeClient,
  manifests: readonly Manifest[],
  options: ManifestOptions = {},
): Promise<KubernetesObject[]> {
  const { namespace, ...call } = options;
  const applied: KubernetesObject[] = [];
  for (const manifest of manifests) {
    applied.push(await kube.apply(await placed(kube, manifest, namespace, call), call));
  }
  return applied;
}

/** Deletes objects, the last one first. Those that do not exist are passed over. Returns how many there were. */
export async function deleteManifests(
  kube: KubeClient,
  manifests: readonly Manifest[],
  options: ManifestOptions = {},
): Promise<number> {
  const { namespace, ...call } = options;
  let deleted = 0;
  for (const manifest of manifests.toReversed()) {
    const { apiVersion, kind, metadata } = await placed(kube, manifest, namespace, call);
    const place = metadata.namespace === undefined ? {} : { namespace: metadata.namespace };
    if (await kube.deleteIfExists({ apiVersion, kind, name: metadata.name ?? '', ...place }, call)) deleted++;
  }
  return deleted;
}

async function placed(
  kube: KubeClient,
  manifest: Manifest,
  namespace: string | undefined,
  options: CallOptions,
): Promise<Manifest> {
  if (namespace === undefined || manifest.metadata.namespace !== undefined) return manifest;
  if (!(await kube.isNamespaced(manifest, options))) return manifest;
  return { ...manifest, metadata: { ...manifest.metadata, namespace } };
}

function objectsOf(value: unknown, source: string, where: string): Manifest[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const what = Array.isArray(value) ? 'a list' : `a ${typeof value}`;
    throw new MalformedManifestError(source, `${where}: expected a Kubernetes object, got ${what}`);
  }
  const { apiVersion, kind, metadata, items } = value as Record<string, unknown>;
  const missing = Object.entries({ apiVersion, kind }).filter(([, field]) => typeof field !== 'string' || field === '');
  if (missing.length > 0) {
    throw new MalformedManifestError(
      source,
      `${where}: the object lacks ${missing.map(([name]) => name).join(' and ')}`,
    );
  }
  if (kind === 'List' && Array.isArray(items)) {
    return items.flatMap((item, index) => objectsOf(item, source, `${where}, item ${index + 1}`));
  }
  const { name, generateName } =
    ((typeof metadata === 'object' ? metadata : undefined) as { name?: unknown; generateName?: unknown } | undefined) ??
    {};
  if (typeof (name ?? generateName) !== 'string') {
    throw new MalformedManifestError(source, `${where}: the ${String(kind)} lacks metadata.name`);
  }
  return [value as Manifest];
}

function named(manifest: Manifest): { name?: string } {
  return manifest.metadata.name === undefined ? {} : { name: manifest.metadata.name };
}
