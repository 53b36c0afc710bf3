import { readFileSync } from 'node:fs';
import pg from 'pg';
import type { FinalInstance, LedgerTarget } from '../ledger/target.ts';
import { UsageError } from './usage-error.ts';

const CONNECT_TIMEOUT_MS = 5000;

/** Reads `postgres://user:password@host:port/database`; the password may be in PGPASSWORD instead. @throws UsageError */
export function parseServer(
  text: string,
  caFile?: string,
): LedgerTarget & { readonly host: string; readonly port: number } {
  const url = URL.parse(text);
  const database = decodeURIComponent(url?.pathname.slice(1) ?? '');
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.username === '' || database === '') {
    throw new UsageError(
      `'${withoutPassword(text)}' is no server; postgres://user:password@host:5432/database would be right`,
    );
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port === '' ? 5432 : Number(url.port);
  const password = url.password === '' ? process.env['PGPASSWORD'] : decodeURIComponent(url.password);
  return {
    host,
    port,
    resolveHost: () => Promise.resolve({ host, port }),
    user: decodeURIComponent(url.username),
    ...(password === undefined ? {} : { password }),
    database,
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }),
  };
}

/** An instance that the final read may ask as superuser, one connection per question. */
export function instanceAt(text: string, caFile?: string): FinalInstance {
  const { host, port, user, password, database, ca } = parseServer(text, caFile);
  return {
    name: `${host}:${port}`,
    admin: async (sql, signal) => {
      signal.throwIfAborted();
      const client = new pg.Client({
        host,
        port,
        user,
        password,
        database,
        ssl: ca === undefined ? false : { ca, checkServerIdentity: () => undefined },
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      });
      client.on('error', () => undefined);
      await client.connect();
      const abort = (): void => void client.connection.stream.destroy();
      signal.addEventListener('abort', abort, { once: true });
      try {
        const result: pg.QueryResult<Record<string, unknown>> = await client.query(sql);
        return result.rows;
      } finally {
        signal.removeEventListener('abort', abort);
        await client.end().catch(() => undefined);
      }
    },
  };
}

function withoutPassword(text: string): string {
  return text.replace(/:[^:@/]*@/, ':…@');
}
