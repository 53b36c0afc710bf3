import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import type { BuiltLab } from './build/index.ts';
import { LabError } from './errors.ts';
import { asObject, isRecord, type KubeObject } from './kube-api.ts';
import { fill, readManifest } from './package-files.ts';
import type { LabPki } from './pki.ts';
import type { Topology } from './topology.ts';

/** Something that `up` installs into the cluster. */
export interface Addon {
  name: string;
  /** Hash over the text and the values it is made of; known without parsing. */
  hash: string;
  /** Its objects, in the order of the manifest. They are parsed at the first call: the large ones take a second. */
  objects(): readonly KubeObject[];
}

/** What {@link labAddons} fills into the manifests. */
export interface AddonsInput {
  topology: Topology;
  pki: LabPki;
  built: Pick<BuiltLab, 'manifests'> & { images: Record<keyof BuiltLab['images'], { ref: string }> };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Parses a manifest of many documents. Throws {@link LabError} with the place of a syntax error. */
export function parseManifest(text: string): KubeObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors;
    if (error) throw new LabError('STATE', `a manifest does not parse: ${error.message}`, { cause: error });
    const value: unknown = document.toJS();
    return value === null ? [] : [asObject(value)];
  });
}

/** Names of the images that the operator's manifest is rewritten to. */
export interface OperatorImages {
  operator: string;
  operand: string;
}

/**
 * The operator's release manifest for a host without an image registry: its own image under the lab's name and never
 * pulled, the operand image that a Cluster without `imageName` gets, and a start-up probe that looks every second.
 */
export function rewriteOperator(objects: readonly KubeObject[], images: OperatorImages): KubeObject[] {
  let rewritten = 0;
  const result = objects.map((object) => {
    if (object.kind !== 'Deployment' || object.metadata.name !== 'cnpg-controller-manager') return object;
    const copy = structuredClone(object);
    const spec = isRecord(copy['spec']) ? copy['spec'] : {};
    const template = isRecord(spec['template']) ? spec['template'] : {};
    const pod = isRecord(template['spec']) ? template['spec'] : {};
    const containers = Array.isArray(pod['containers']) ? pod['containers'].filter(isRecord) : [];
    for (const container of containers) {
      if (container['name'] !== 'manager') continue;
      const upstream = container['image'];
      container['image'] = images.operator;
      container['imagePullPolicy'] = 'IfNotPresent';
      const environment = (Array.isArray(container['env']) ? container['env'].filter(isRecord) : []).map((entry) =>
        entry['value'] === upstream ? { ...entry, value: images.operator } : entry,
      );
      container['env'] = [...environment, { name: 'POSTGRES_IMAGE_NAME', value: images.operand }];
      if (isRecord(container['startupProbe'])) {
        container['startupProbe'] = { ...container['startupProbe'], periodSeconds: 1, failureThreshold: 120 };
      }
      rewritten += 1;
    }
    return copy;
  });
  if (rewritten !== 1) {
    throw new LabError(
      'STATE',
      `the operator's manifest has ${rewritten} containers 'manager' in Deployment cnpg-controller-manager; expected 1`,
    );
  }
  return result;
}

/** Everything that runs in the cluster, ready to be applied. */
export async function labAddons({ topology, pki, built }: AddonsInput): Promise<Addon[]> {
  const { images } = built;
  const certificate = pki.certificates['chaos-mesh'];
  const values: Record<string, string> = {
    DNS_ADDRESS: topology.dnsAddress,
    VOLUME_ROOT: topology.volumeRoot,
    IMAGE_COREDNS: images.coredns.ref,
    IMAGE_BUSYBOX: images.busybox.ref,
    IMAGE_LOCAL_PATH_PROVISIONER: images['local-path-provisioner'].ref,
    IMAGE_CHAOS_MESH: images['chaos-mesh'].ref,
    IMAGE_CHAOS_DAEMON: images['chaos-daemon'].ref,
    IMAGE_AGENT: images.agent.ref,
    CA_CERT: base64(pki.ca.cert),
    CHAOS_MESH_CERT: base64(certificate?.cert ?? ''),
    CHAOS_MESH_KEY: base64(certificate?.key ?? ''),
  };
  const own = async (name: string, file: string): Promise<Addon> => {
    const text = fill(await readManifest(`addons/${file}`), values);
    return { name, hash: hashOf(text), objects: once(() => parseManifest(text)) };
  };
  const operatorImages = { operator: images.operator.ref, operand: images.operand.ref };
  const operatorText = await readFile(built.manifests.cnpg, 'utf8');
  const crdsText = await readFile(built.manifests.chaosMeshCrds, 'utf8');
  return [
    await own('coredns', 'coredns.yaml'),
    await own('storage', 'storage.yaml'),
    {
      name: 'cnpg',
      hash: hashOf(operatorText, JSON.stringify(rewriteOperator(operatorDeployment(operatorText), operatorImages))),
      objects: once(() => rewriteOperator(parseManifest(operatorText), operatorImages)),
    },
    {
      name: 'chaos-mesh-crds',
      hash: hashOf(crdsText, 'lean'),
      objects: once(() => parseManifest(crdsText).map(leanDefinition)),
    },
    await own('chaos-mesh', 'chaos-mesh.yaml'),
    await own('agent', 'agent.yaml'),
  ];
}

// Only the document that is rewritten: parsing all of them takes too long for looking whether something has changed.
function operatorDeployment(manifest: string): KubeObject[] {
  return manifest
    .split(/^---$/m)
    .filter((document) => /^kind: Deployment$/m.test(document))
    .flatMap(parseManifest);
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/**
 * A definition without what only documents it: a third of the bytes, and of the API server's work when it starts to
 * serve it. The empty status of generated definitions goes too, since the server does not take it.
 */
export function leanDefinition(object: KubeObject): KubeObject {
  const { status: _, ...rest } = object;
  return asObject(withoutDescriptions(rest));
}

// A field may itself be called `description`; its value is then a schema, not a text.
function withoutDescriptions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDescriptions);
  if (!isRecord(value)) return value;
  const kept = Object.entries(value).filter(([key, content]) => key !== 'description' || typeof content !== 'string');
  return Object.fromEntries(kept.map(([key, content]) => [key, withoutDescriptions(content)]));
}

function hashOf(...texts: string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 16);
}
