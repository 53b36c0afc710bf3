import pg from 'pg';
import type { FinalInstance } from '../../src/ledger/index.ts';
import { run, until } from './container-host.ts';
import type { ContainerHost } from './container-host.ts';
import { ROOT, TEMPLATE } from './postgres-config.ts';

let serial = 0;

/** A port and directory that no other instance of this test run uses: workers share the containers. */
function nextPort(): number {
  return 5500 + Number(process.env['VITEST_POOL_ID'] ?? '0') * 200 + serial++;
}

/** One PostgreSQL server in a container. */
export class PostgresInstance {
  readonly host: ContainerHost;
  readonly name: string;
  readonly port = nextPort();
  readonly dir: string;
  #receiver: string | undefined;

  constructor(host: ContainerHost, name: string) {
    this.host = host;
    this.name = name;
    this.dir = `${ROOT}/${name}-${this.port}`;
  }

  /** Runs SQL as superuser over a connection of its own. */
  async sql(text: string, database = 'app'): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({
      host: this.host.address,
      port: this.port,
      user: 'postgres',
      database,
      connectionTimeoutMillis: 2000,
      query_timeout: 15_000,
    });
    client.on('error', () => undefined);
    await client.connect();
    try {
      const result: pg.QueryResult<Record<string, unknown>> = await client.query(text);
      return result.rows;
    } finally {
      await client.end();
    }
  }

  /** First column of the first row, as text. */
  async value(text: string): Promise<string> {
    const [row = {}] = await this.sql(text);
    return String(Object.values(row)[0]);
  }

  /** What the final read uses of an instance. */
  get final(): FinalInstance {
    const command = async (sql: string): Promise<void> => void (await this.sql(sql));
    return { name: this.name, admin: (sql) => this.sql(sql), database: { query: (sql) => this.sql(sql), command } };
  }

  async createPrimary(): Promise<void> {
    await run(this.host, `cp -a ${TEMPLATE} ${this.dir}\n${this.#startScript()}`);
  }

  /** Clones `primary` and follows it under the name by which it may be listed as synchronous. */
  async createStandby(primary: PostgresInstance): Promise<void> {
    const from = primary.connectionInfo(this.name);
    await run(
      this.host,
      `pg_basebackup -D ${this.dir} -c fast -X stream --no-sync -R -d "${from}"\n${this.#startScript()}`,
    );
    const streaming = `select 1 from pg_stat_replication where application_name = '${this.name}' and state = 'streaming'`;
    await until(`${this.name} streams`, async () => (await primary.sql(streaming))[0]);
  }

  connectionInfo(applicationName: string): string {
    return `host=${this.host.address} port=${this.port} user=postgres application_name=${applicationName}`;
  }

  async start(): Promise<void> {
    await run(this.host, this.#startScript());
  }

  async configure(settings: Record<string, string>): Promise<void> {
    for (const [name, value] of Object.entries(settings)) await this.sql(`alter system set ${name} = '${value}'`);
    await this.sql('select pg_reload_conf()');
  }

  /** Starts it and does not wait until it accepts connections, which it may never do. */
  async startWithoutWaiting(): Promise<void> {
    await run(this.host, `pg_ctl -D ${this.dir} -o '-p ${this.port}' -l ${this.dir}.log -W start >/dev/null`);
  }

  /** Asks it to shut down and does not wait: a shutdown waits for standbys that hold. */
  async shutdown(mode: 'fast' | 'immediate'): Promise<void> {
    await run(this.host, `pg_ctl -D ${this.dir} -m ${mode} -W stop >/dev/null`);
  }

  /** Waits until none of its processes is left. */
  async untilDown(): Promise<void> {
    // one command that waits: each that asks costs as much as a server that starts; the file goes before the process
    const waiting = `pm=$(head -1 ${this.dir}/postmaster.pid) || exit 0; while [ -e ${this.dir}/postmaster.pid ] || kill -0 $pm; do sleep 0.02; done`;
    await run(
      this.host,
      `timeout 15 bash -c '${waiting}' 2>/dev/null || { echo ${this.name} is still up after 15 s; exit 1; }`,
    );
  }

  /** Stops it in order: everything is on disk. */
  async stop(): Promise<void> {
    await run(this.host, `pg_ctl -D ${this.dir} -m fast -w stop >/dev/null`);
  }

  /** Puts other bytes for some in a file of the data directory of a stopped server; with check sums that fit when asked to. */
  async overwrite(file: string, from: string, to: string, options: { checksums: 'fit' | 'stay' }): Promise<void> {
    const edit = `sed -i 's/${from}/${to}/' ${this.dir}/${file}`;
    const fit = options.checksums === 'fit';
    const [before, after] = fit
      ? [`pg_checksums -D ${this.dir} --disable >/dev/null;`, `; pg_checksums -D ${this.dir} --enable >/dev/null`]
      : ['', ''];
    await run(this.host, `${before} ${edit} ${after}`);
  }

  /** SIGKILL to every process of the server at once, as when its container is killed. */
  async kill(): Promise<void> {
    await run(this.host, `${this.#pids}; kill -STOP $pm; kill -KILL $pids $pm`);
  }

  /** Stops the process that receives WAL: what it has not read stays in the socket, and commits that wait for it hang. */
  async holdReceiver(): Promise<void> {
    this.#receiver = await this.value('select pid from pg_stat_wal_receiver');
    await run(this.host, `kill -STOP ${this.#receiver}`);
  }

  /** Lets it go on; does nothing when it was not held. */
  async releaseReceiver(): Promise<void> {
    if (this.#receiver !== undefined) await run(this.host, `kill -CONT ${this.#receiver}`);
    this.#receiver = undefined;
  }

  /** Waits until as many sessions of an application wait for a synchronous standby. */
  async untilWaitingForStandby(applicationName: string, sessions: number): Promise<void> {
    const sql = `select count(*) from pg_stat_activity where application_name = '${applicationName}' and wait_event = 'SyncRep'`;
    await until(`${sessions} sessions wait`, async () =>
      Number(await this.value(sql)) >= sessions ? true : undefined,
    );
  }

  /** Calls `pg_cancel_backend` or `pg_terminate_backend` for every session of an application; returns how many there were. */
  async signalSessions(how: 'cancel' | 'terminate', applicationName: string): Promise<number> {
    const sql = `select pg_${how}_backend(pid) from pg_stat_activity where application_name = '${applicationName}'`;
    return (await this.sql(sql)).length;
  }

  async promote(): Promise<void> {
    await run(this.host, `pg_ctl -D ${this.dir} -w promote >/dev/null`);
  }

  /** Follows another primary from now on, or nobody. */
  async follow(primary: PostgresInstance | undefined): Promise<void> {
    await this.configure({ primary_conninfo: primary?.connectionInfo(this.name) ?? '' });
  }

  async remove(): Promise<void> {
    await run(
      this.host,
      `if [ -e ${this.dir}/postmaster.pid ]; then ${this.#pids}; kill -KILL $pids $pm 2>/dev/null || true; fi; rm -rf ${this.dir}`,
    );
  }

  get #pids(): string {
    return `pm=$(head -1 ${this.dir}/postmaster.pid); pids=$(cat /proc/$pm/task/$pm/children 2>/dev/null || true)`;
  }

  #startScript(): string {
    return `pg_ctl -D ${this.dir} -o '-p ${this.port}' -l ${this.dir}.log -w start >/dev/null || { cat ${this.dir}.log; exit 1; }`;
  }
}
