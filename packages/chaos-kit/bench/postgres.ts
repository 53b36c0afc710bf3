import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import { buildOperandImage, TerminalProgress } from '@cnpg-chaos/chaos-lab';
import { makeTestCertificate } from '../../cnpg-utils/test/support/test-certificates.ts';
import type { LedgerTarget } from '../src/ledger/index.ts';

const run = promisify(execFile);
const PORT = 5432;
const SECRET = 'secret';

const SET_UP = `
export LC_ALL=C.UTF-8
mkdir -p /tmp/pg && cd /tmp/pg
initdb -D data -U postgres -A trust --locale=C.UTF-8 >/dev/null
printf '%s' "$CERT" > data/server.crt
printf '%s' "$KEY" > data/server.key
chmod 600 data/server.key
printf 'host all postgres all trust\nhost all all all scram-sha-256\n' >> data/pg_hba.conf
cat >> data/postgresql.conf <<'END'
listen_addresses = '*'
unix_socket_directories = '/tmp'
ssl = on
shared_buffers = 512MB
max_wal_size = 8GB
max_connections = 200
END
pg_ctl -D data -l log -w start >/dev/null
psql -qh /tmp -U postgres -c "create role app login password '${SECRET}'" -c 'create database app owner app'
`;

/** A PostgreSQL server in a container, on the disk of Docker, with its programs in another on the network of the host. */
export class BenchPostgres implements AsyncDisposable {
  readonly host: string;
  readonly #server: string;
  readonly #tools: string;
  readonly #ca: string;

  private constructor(parts: { host: string; server: string; tools: string; ca: string }) {
    this.host = parts.host;
    this.#server = parts.server;
    this.#tools = parts.tools;
    this.#ca = parts.ca;
  }

  static async start(): Promise<BenchPostgres> {
    const { ref } = await buildOperandImage({ progress: new TerminalProgress() });
    const { cert, key } = makeTestCertificate(['bench']);
    const server = await docker('run', '-d', '--rm', '--init', '--shm-size', '1g', ref, 'bash', '-c', 'sleep infinity');
    const tools = await docker('run', '-d', '--rm', '--init', '--network', 'host', ref, 'bash', '-c', 'sleep infinity');
    const host = await docker('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', server);
    const it = new BenchPostgres({ host, server, tools, ca: cert });
    try {
      await docker('exec', '-e', `CERT=${cert}`, '-e', `KEY=${key}`, server, 'bash', '-ec', SET_UP);
    } catch (error) {
      await it[Symbol.asyncDispose]();
      throw error;
    }
    return it;
  }

  target(tls: boolean): LedgerTarget {
    return {
      resolveHost: async () => ({ host: this.host, port: PORT }),
      user: 'app',
      password: SECRET,
      database: 'app',
      ...(tls ? { ca: this.#ca } : {}),
      admin: (sql) => this.admin(sql),
    };
  }

  /** Rows of one SELECT as superuser, as the ledger wants them. */
  async admin(sql: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ host: this.host, port: PORT, user: 'postgres', database: 'app' });
    await client.connect();
    try {
      const { rows }: pg.QueryResult<Record<string, unknown>> = await client.query(sql);
      return rows;
    } finally {
      await client.end();
    }
  }

  async psql(sql: string): Promise<string> {
    return docker('exec', this.#server, 'psql', '-XAtqh', '/tmp', '-U', 'postgres', '-d', 'app', '-c', sql);
  }

  /** Runs a bash script among the programs of PostgreSQL, on the network of the host as the ledger is; `$DB` leads to the server. */
  async tool(script: string, tls: boolean): Promise<string> {
    const sslmode = tls ? 'require' : 'disable';
    const url = `host=${this.host} port=${PORT} user=app password=${SECRET} dbname=app sslmode=${sslmode}`;
    return docker('exec', '-e', `DB=${url}`, this.#tools, 'bash', '-ec', script);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#server, this.#tools].map((id) => docker('rm', '-f', '-v', id)));
  }
}

async function docker(...args: string[]): Promise<string> {
  const { stdout } = await run('docker', args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}
