import { Agent, request } from 'undici';
import { z } from 'zod';
import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { describeNetworkError } from '../kube/transport.ts';
import { abortReason, anySignal } from '../signals.ts';
import { ports } from './constants.ts';

const replicationSchema = z.looseObject({
  applicationName: z.string().optional(),
  state: z.string().optional(),
  writeLsn: z.string().optional(),
  flushLsn: z.string().optional(),
  replayLsn: z.string().optional(),
  syncState: z.string().optional(),
  syncPriority: z.string().optional(),
});

const slotSchema = z.looseObject({
  slotName: z.string().optional(),
  slotType: z.string().optional(),
  restartLsn: z.string().optional(),
  walStatus: z.string().optional(),
  active: z.boolean().optional(),
});

// Go leaves out what is empty, and versions differ: only what every one of them sends must be there.
const statusSchema = z.looseObject({
  isPrimary: z.boolean(),
  systemID: z.string().optional(),
  pod: z.looseObject({ metadata: z.looseObject({ name: z.string().optional() }) }).nullish(),
  currentLsn: z.string().optional(),
  receivedLsn: z.string().optional(),
  replayLsn: z.string().optional(),
  timeLineID: z.number().int().optional(),
  replayPaused: z.boolean().optional(),
  pendingRestart: z.boolean().optional(),
  isWalReceiverActive: z.boolean().optional(),
  isPgRewindRunning: z.boolean().optional(),
  mightBeUnavailable: z.boolean().optional(),
  mightBeUnavailableMaskedError: z.string().optional(),
  isArchivingWAL: z.boolean().optional(),
  currentWAL: z.string().optional(),
  readyWalFiles: z.number().int().optional(),
  replicationInfo: z.array(replicationSchema).nullish(),
  replicationSlotsInfo: z.array(slotSchema).nullish(),
  instanceManagerVersion: z.string().optional(),
  executableHash: z.string().optional(),
  sessionID: z.string().optional(),
});

/**
 * What an instance manager says about its PostgreSQL (`/pg/status`): what the operator's elections rest on. Fields of
 * other versions pass through. `sessionID` changes whenever the manager starts. Of the pod only the name is there. What
 * the operator adds for itself (`node`, `isPodReady`) is always empty in the answer and therefore left out.
 */
export type InstanceStatus = Omit<z.infer<typeof statusSchema>, 'isPodReady' | 'node'>;

/** An instance manager did not answer, or answered something else than its status. */
export class InstanceStatusError extends Error {
  override readonly name = 'InstanceStatusError';
  readonly code = 'CNPG_INSTANCE_STATUS';
  /** HTTP status of the answer; undefined when none came. */
  readonly status?: number;

  constructor(message: string, details: { status?: number; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    if (details.status !== undefined) this.status = details.status;
  }
}

/** Where to reach an instance manager without the API server. */
export interface StatusAddress {
  /** Address of the pod. */
  ip: string;
  /** @default 8000 */
  port?: number;
  /** Certificate authority of the cluster, PEM, and a name that its server certificate carries (`<cluster>-rw`). */
  tls?: { ca: string; serverName: string };
}

/** Paths that an instance manager answers without a client certificate. */
export type StatusPath = '/pg/status' | '/healthz' | '/readyz' | '/startupz' | '/failsafe';

/**
 * Asks an instance manager for its status at the address of its pod: the API server is not needed, so it works while
 * that is being broken.
 *
 * Without `tls` the certificate is not checked; right for a lab, where the address alone says whom we ask.
 *
 * @param options.timeoutMs @default 5000
 * @throws InstanceStatusError
 */
export async function instanceStatus(address: StatusAddress, options: CallOptions = {}): Promise<InstanceStatus> {
  const { status, text } = await askInstance(address, '/pg/status', options);
  if (status !== 200) throw new InstanceStatusError(`${address.ip}/pg/status: ${status}: ${excerpt(text)}`, { status });
  return parseInstanceStatus(text, address.ip);
}

/**
 * Asks an instance manager directly and returns its answer, whatever it is: a failing probe is an answer.
 *
 * @param options.timeoutMs @default 5000
 * @throws InstanceStatusError when no answer comes
 */
export async function askInstance(
  address: StatusAddress,
  path: StatusPath,
  options: CallOptions = {},
): Promise<{ status: number; text: string }> {
  const { ip, port = ports.status, tls } = address;
  const timeoutMs = options.timeoutMs ?? 5_000;
  const deadline = AbortSignal.timeout(timeoutMs);
  const agent = new Agent({
    pipelining: 0,
    connect: tls === undefined ? { rejectUnauthorized: false } : { ca: tls.ca, servername: tls.serverName },
  });
  try {
    const signal = anySignal(options.signal, deadline) ?? deadline;
    const host = ip.includes(':') ? `[${ip}]` : ip;
    const reply = await request(`https://${host}:${port}${path}`, { dispatcher: agent, signal });
    return { status: reply.statusCode, text: await reply.body.text() };
  } catch (error) {
    if (options.signal?.aborted === true) throw abortReason(options.signal);
    const problem = deadline.aborted ? `no answer within ${timeoutMs} ms` : describeNetworkError(error);
    throw new InstanceStatusError(`${ip}:${port}${path}: ${problem}`, { cause: error });
  } finally {
    await agent.destroy();
  }
}

/**
 * Asks an instance manager for its status through the API server and the kubelet's node, for where pods cannot be
 * reached directly.
 *
 * @throws KubeError (503 when the pod does not answer), InstanceStatusError
 */
export async function instanceStatusByProxy(
  kube: KubeClient,
  pod: NamespacedName,
  options: CallOptions = {},
): Promise<InstanceStatus> {
  const text = await podProxy(kube, pod, { scheme: 'https', port: ports.status, path: '/pg/status' }, options);
  return parseInstanceStatus(text, `${pod.namespace}/${pod.name}`);
}

/**
 * Metrics of an instance in the Prometheus text format, through the API server.
 *
 * @param options.tls the cluster has `monitoring.tls.enabled`. @default false
 */
export async function instanceMetrics(
  kube: KubeClient,
  pod: NamespacedName,
  options: CallOptions & { tls?: boolean } = {},
): Promise<string> {
  const { tls = false, ...call } = options;
  return await podProxy(kube, pod, { scheme: tls ? 'https' : 'http', port: ports.metrics, path: '/metrics' }, call);
}

/** Metrics of a pooler's pod (PgBouncer), through the API server; see `listPoolerPods`. */
export async function poolerMetrics(
  kube: KubeClient,
  pod: NamespacedName,
  options: CallOptions & { tls?: boolean } = {},
): Promise<string> {
  const { tls = false, ...call } = options;
  const target = { scheme: tls ? 'https' : 'http', port: ports.poolerMetrics, path: '/metrics' };
  return await podProxy(kube, pod, target, call);
}

/** Checks the answer to `/pg/status`. @throws InstanceStatusError naming each field */
export function parseInstanceStatus(text: string, from: string): InstanceStatus {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new InstanceStatusError(`${from}/pg/status: no JSON: ${excerpt(text)}`, { cause: error });
  }
  const parsed = statusSchema.safeParse(json);
  if (parsed.success) {
    const { isPodReady: _ready, node: _node, ...told } = parsed.data;
    return told;
  }
  throw new InstanceStatusError(
    `${from}/pg/status does not look like CloudNativePG 1.28-1.31 answers:\n${z.prettifyError(parsed.error)}`,
    { cause: parsed.error },
  );
}

async function podProxy(
  kube: KubeClient,
  pod: NamespacedName,
  target: { scheme: string; port: number; path: string },
  options: CallOptions,
): Promise<string> {
  const { namespace, name } = pod;
  const path =
    `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/` +
    `${target.scheme}:${encodeURIComponent(name)}:${target.port}/proxy${target.path}`;
  return await kube.transport.text(
    { method: 'GET', path, accept: '*/*', what: `get ${target.path} of pod ${namespace}/${name}` },
    options,
  );
}

function excerpt(text: string): string {
  return text.trim().slice(0, 200) || 'empty answer';
}
