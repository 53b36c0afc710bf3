import { mkdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { LabError } from './errors.ts';
import type { LabPki } from './pki.ts';

const keyPair = z.object({ cert: z.string(), key: z.string() });
const pkiSchema = z.object({
  ca: keyPair,
  serviceAccount: z.object({ publicKey: z.string(), privateKey: z.string() }),
  certificates: z.record(z.string(), keyPair),
});

const recordSchema = z.object({
  version: z.literal(1),
  name: z.string(),
  /** Networks that the lab uses, see `topologyOf`. */
  slot: z.int().min(0).default(0),
  /** Nodes whose container is complete, by node name. */
  nodes: z.record(z.string(), z.object({ containerId: z.string(), key: z.string() })),
  /** UID of the `kube-system` namespace: how others know that a cluster is this lab. */
  kubeSystemUid: z.string().optional(),
  /** Versions of what runs in the lab, by component. */
  versions: z.record(z.string(), z.string()),
  /** Key over all components of the last complete `up`. */
  componentsKey: z.string().optional(),
});

/** What is known about a lab beyond what the Docker engine and the cluster say. */
export type LabRecord = z.infer<typeof recordSchema>;

/** An empty record. */
export const newRecord = (name: string, slot = 0): LabRecord => ({ version: 1, name, slot, nodes: {}, versions: {} });

/** `$XDG_STATE_HOME/cnpg-chaos/labs`, by default below `~/.local/state`: labs belong to the host, not to a checkout. */
export function labsDir(): string {
  const base = process.env['XDG_STATE_HOME'];
  return join(base !== undefined && base !== '' ? base : join(homedir(), '.local', 'state'), 'cnpg-chaos', 'labs');
}

/** The files of one lab on the host. */
export class StateDir {
  readonly path: string;
  readonly kubeconfigPath: string;
  readonly logPath: string;
  readonly #recordPath: string;
  readonly #pkiPath: string;

  constructor(lab: string) {
    this.path = join(labsDir(), lab);
    this.kubeconfigPath = join(this.path, 'kubeconfig');
    this.logPath = join(this.path, 'up.log');
    this.#recordPath = join(this.path, 'record.json');
    this.#pkiPath = join(this.path, 'pki.json');
  }

  async create(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
  }

  /** Removes the lab's files, and the folder of all labs when this was the last one. */
  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
    await rmdir(labsDir()).catch(() => undefined); // stays while another lab is in it
  }

  /** The record, or undefined when there is none or it was written by another version of this package. */
  async readRecord(): Promise<LabRecord | undefined> {
    return readJson(this.#recordPath, recordSchema);
  }

  async writeRecord(record: LabRecord): Promise<void> {
    await this.#write(this.#recordPath, `${JSON.stringify(record, undefined, 2)}\n`);
  }

  /** The lab's certificates, or undefined when there are none. */
  async readPki(): Promise<LabPki | undefined> {
    return readJson(this.#pkiPath, pkiSchema);
  }

  async writePki(pki: LabPki): Promise<void> {
    await this.#write(this.#pkiPath, JSON.stringify(pki));
  }

  async writeKubeconfig(text: string): Promise<void> {
    await this.#write(this.kubeconfigPath, text);
  }

  /** The kubeconfig's text, or undefined when there is none. */
  async readKubeconfig(): Promise<string | undefined> {
    return readText(this.kubeconfigPath);
  }

  // Rename makes the file appear whole or not at all.
  async #write(path: string, text: string): Promise<void> {
    await this.create();
    const temporary = `${path}.${process.pid}`;
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, path);
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new LabError('STATE', `cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

async function readJson<T>(path: string, schema: z.ZodType<T, unknown>): Promise<T | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined; // damaged: the same as absent, the lab is made anew
  }
}
