import {
  appCredentials,
  connect,
  ConnectError,
  destroyClient,
  type KubeClient,
  listInstances,
  sleep,
} from '@cnpg-chaos/cnpg-utils';
import { EngineError } from '../engine-error.ts';
import type { Action, EngineContext, UndoEntry } from '../engine.ts';
import { retryTransient } from '../retry-transient.ts';
import { endSessions, faultSession, isWorthAnotherTry } from './fault-session.ts';

/** Name of the undo that ends the sessions of a fault. */
export const endSessionsKind = 'end-sessions';

// PostgreSQL takes a few milliseconds to start a backend; more at once only queue up
const atOnce = 8;
// more than any server should be asked to serve; keeps a wrong max_connections from eating the runner
const mostSessions = 5_000;

// the operator's own sessions come and go: a slot that becomes free is taken again as soon
const refillMs = 100;

type Client = Awaited<ReturnType<typeof connect>>;
type Open = (until: AbortSignal) => Promise<Client>;

interface Held {
  readonly clients: Client[];
  /** Fires when the fault is over. */
  readonly over: AbortController;
}

// Held by the process that opened them: they end with it at the latest.
const held = new Map<string, Held>();

/**
 * Opens sessions as the application, through the `-rw` Service, until the server refuses more, and takes each slot that
 * becomes free later. They are idle, and the server ends them by itself at the time to live (`idle_session_timeout`,
 * PostgreSQL 14). They also end when the process that opened them does.
 */
export function exhaustConnections(): Action {
  return {
    summary: 'open sessions until max_connections',
    plan({ kube, cluster, faultId, ttlMs }) {
      const application = faultSession(faultId);
      return {
        undo: [{ kind: endSessionsKind, data: { namespace: cluster.namespace, cluster: cluster.name, application } }],
        async act(signal) {
          const { user, password, database, ca, host, port } = await appCredentials(kube, cluster, { signal });
          const endsAt = performance.now() + ttlMs;
          const open = (until: AbortSignal) =>
            connect({
              user,
              password,
              database,
              ca,
              host,
              port,
              signal: until,
              applicationName: application,
              settings: { idle_session_timeout: String(Math.max(1, Math.ceil(endsAt - performance.now()))) },
            });
          return { sessions: await openUntilRefused(application, { open, ttlMs }, signal) };
        },
      };
    },
  };
}

async function openUntilRefused(
  application: string,
  { open, ttlMs }: { open: Open; ttlMs: number },
  signal: AbortSignal,
): Promise<number> {
  const clients: Client[] = [];
  const over = new AbortController();
  setTimeout(() => over.abort(), ttlMs).unref();
  held.set(application, { clients, over });
  const either = AbortSignal.any([signal, over.signal]);
  let full = false;
  const worker = async () => {
    while (!full && clients.length < mostSessions) {
      either.throwIfAborted();
      if (!(await openOne(clients, open, either))) full = true;
    }
  };
  const results = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  if (!full) throw new EngineError('kubernetes', `the server took ${clients.length} sessions and refused none`);
  void refill(clients, open, over.signal);
  return clients.length;
}

/** @returns false when the server has no slot left */
async function openOne(clients: Client[], open: Open, until: AbortSignal): Promise<boolean> {
  try {
    const client = await open(until);
    if (until.aborted) destroyClient(client);
    else clients.push(client);
    return true;
  } catch (error) {
    if (error instanceof ConnectError && error.failure === 'too-many-connections') return false;
    throw error;
  }
}

// Ends with the fault. That the server cannot be reached for a while is no reason to stop.
async function refill(clients: Client[], open: Open, over: AbortSignal): Promise<void> {
  while (!over.aborted && clients.length < mostSessions) {
    const took = await openOne(clients, open, over).catch(() => false);
    if (!took) await sleep(refillMs, over).catch(() => {});
  }
}

/** Ends the sessions of a fault, those of this process at once, others on whichever instance they are. */
export async function endFaultSessions(
  kube: KubeClient,
  entry: Pick<UndoEntry, 'data'>,
  signal: AbortSignal,
): Promise<string> {
  const { namespace, cluster, application } = parse(entry);
  const { clients: own = [], over } = held.get(application) ?? {};
  held.delete(application);
  over?.abort();
  for (const client of own) destroyClient(client);
  const ended = await retryTransient(
    async () => {
      const instances = await listInstances(kube, { namespace, name: cluster }, { signal });
      const ready = instances.filter(({ pod }) => pod.ready);
      const counts = await Promise.all(
        ready.map(({ pod }) => endSessions(kube, { namespace, name: pod.name }, application, signal)),
      );
      return counts.reduce((sum, count) => sum + count, 0);
    },
    signal,
    isWorthAnotherTry,
  );
  return `${own.length} sessions closed, ${ended} more ended on the server`;
}

/** What a person would type. */
export function endSessionsCommand(entry: Pick<UndoEntry, 'data'>): string {
  const { namespace, cluster, application } = parse(entry);
  const sql = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${application}'`;
  return `kubectl cnpg -n ${namespace} psql ${cluster} -- -c "${sql}"`;
}

/** The undo of sessions that are found without a journal. */
export function endSessionsStep({ cluster }: Pick<EngineContext, 'cluster'>, application: string) {
  return { kind: endSessionsKind, data: { namespace: cluster.namespace, cluster: cluster.name, application } };
}

function parse({ data }: Pick<UndoEntry, 'data'>): { namespace: string; cluster: string; application: string } {
  const { namespace, cluster, application } = data;
  if (typeof namespace !== 'string' || typeof cluster !== 'string' || typeof application !== 'string') {
    throw new EngineError('kubernetes', `undo data lacks namespace, cluster or application: ${JSON.stringify(data)}`);
  }
  return { namespace, cluster, application };
}
