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
printf 'host all postgres all trust\nhost replication postgres all trust\nhost all all all scram-sha-256\n' >> data/pg_hba.conf
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

/** A standby that every commit waits for, as in a CloudNativePG cluster with synchronous replication. */
const ADD_STANDBY = `
mkdir -p /tmp/pg && cd /tmp/pg
pg_basebackup -h "$PRIMARY" -U postgres -D data -R -X stream -c fast
pg_ctl -D data -l log -o '-c cluster_name=s1' -w start >/dev/null
psql -qh "$PRIMARY" -U postgres -c "alter system set synchronous_standby_names = 'ANY 1 (s1)'" -c 'select pg_reload_conf()' >/dev/null
for _ in $(seq 100); do
  [ "$(psql -XAtqh "$PRIMARY" -U postgres -c "select sync_state from pg_stat_replication where state = 'streaming'")" = quorum ] && exit
  sleep 0.1
done
echo 'the standby did not become synchronous within 10 s' >&2
exit 1
`;

/**
 * A PostgreSQL server in a container, on the disk of Docker, with fsync on, which is the default of PostgreSQL. Its programs are
 * in another container, on the network of the host.
 */
export class BenchPostgres implements AsyncDisposable {
  readonly host: string;
  readonly #server: string;
  readonly #tools: string;
  readonly #ca: string;
  readonly #containers: readonly string[];

  private constructor(parts: { host: string; server: string; tools: string; ca: string; containers: string[] }) {
    this.host = parts.host;
    this.#server = parts.server;
    this.#tools = parts.tools;
    this.#ca = parts.ca;
    this.#containers = parts.containers;
  }

  /** With `standby` a synchronous one in a container of its own confirms every commit. */
  static async start(options: { standby?: boolean } = {}): Promise<BenchPostgres> {
    const { ref } = await buildOperandImage({ progress: new TerminalProgress() });
    const { cert, key } = makeTestCertificate(['bench']);
    const containers: string[] = [];
    const container = async (...args: string[]): Promise<string> => {
      const id = await docker('run', '-d', '--rm', '--init', ...args, ref, 'bash', '-c', 'sleep infinity');
      containers.push(id);
      return id;
    };
    const server = await container('--shm-size', '1g');
    const tools = await container('--network', 'host');
    const host = await docker('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', server);
    const it = new BenchPostgres({ host, server, tools, ca: cert, containers });
    try {
      await docker('exec', '-e', `CERT=${cert}`, '-e', `KEY=${key}`, server, 'bash', '-ec', SET_UP);
      if (options.standby ?? false) {
        const standby = await container('--shm-size', '1g');
        await docker('exec', '-e', `PRIMARY=${host}`, standby, 'bash', '-ec', ADD_STANDBY);
      }
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
    await Promise.all(this.#containers.map((id) => docker('rm', '-f', '-v', id)));
  }
}

async function docker(...args: string[]): Promise<string> {
  const { stdout } = await run('docker', args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}
