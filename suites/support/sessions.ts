import type { ClusterUnderTest } from '@cnpg-chaos/chaos-kit';
import { connect, sleep } from '@cnpg-chaos/cnpg-utils';

type Session = Awaited<ReturnType<typeof connect>>;

/** Opens a session as the application does: through the `-rw` Service. */
export async function openSession(cluster: ClusterUnderTest, name: string, limitMs = 5_000): Promise<Session> {
  const target = cluster.ledgerTarget();
  const { user, password = '', database, ca, tlsServerName } = target;
  const { host, port } = await target.resolveHost(AbortSignal.timeout(limitMs));
  return connect({
    host,
    port,
    user,
    password,
    database,
    ...(ca === undefined ? {} : { ca }),
    ...(tlsServerName === undefined ? {} : { serverName: tlsServerName }),
    applicationName: name,
    connectTimeoutMs: limitMs,
    queryTimeoutMs: limitMs,
  });
}

/** Sessions that somebody forgot: idle ones, and ones in the middle of a transaction. They end with the server or by `close`. */
export async function holdSessions(
  cluster: ClusterUnderTest,
  counts: { idle: number; inTransaction: number },
): Promise<{ close(): Promise<void> }> {
  const idle = Array.from({ length: counts.idle }, () => openSession(cluster, 'held-idle'));
  const busy = Array.from({ length: counts.inTransaction }, async () => {
    const session = await openSession(cluster, 'held-in-transaction');
    await session.query('BEGIN');
    await session.query('SELECT 1');
    return session;
  });
  const sessions = await Promise.all([...idle, ...busy]);
  return {
    async close() {
      await Promise.allSettled(sessions.map(async (session) => session.end()));
    },
  };
}

/** When new sessions could write. */
export interface NewSessions {
  /** From `fromMs` until the first new session that could write, in milliseconds; undefined when none could. */
  writableAfter(fromMs: number): number | undefined;
  stop(): Promise<void>;
}

// resolution of what is measured
const everyMs = 250;

/** Opens a new session again and again and asks whether it could write: what an application sees that just starts. */
export function watchNewSessions(cluster: ClusterUnderTest): NewSessions {
  const tries: { atMs: number; writable: boolean }[] = [];
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      const writable = await canWrite(cluster);
      tries.push({ atMs: performance.now(), writable });
      await sleep(everyMs, over.signal).catch(() => undefined);
    }
  })();
  return {
    writableAfter(fromMs) {
      const after = tries.filter(({ atMs }) => atMs >= fromMs);
      const firstRefused = after.findIndex(({ writable }) => !writable);
      const back = after.slice(Math.max(0, firstRefused)).find(({ writable }) => writable);
      return firstRefused < 0 ? 0 : back && back.atMs - fromMs;
    },
    async stop() {
      over.abort();
      await watching;
    },
  };
}

async function canWrite(cluster: ClusterUnderTest): Promise<boolean> {
  try {
    const session = await openSession(cluster, 'new-session', 2_000);
    try {
      const { rows } = await session.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
      return rows[0]?.standby === false;
    } finally {
      await session.end().catch(() => undefined);
    }
  } catch {
    return false;
  }
}
