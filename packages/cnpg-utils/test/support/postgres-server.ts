import { getContainerRuntimeClient } from 'testcontainers';
import { makeTestCertificate } from './test-certificates.ts';

/** A container in which PostgreSQL can be run, with a ready-made data directory in /pg/template. */
export interface PostgresHost {
  readonly id: string;
  readonly address: string;
}

let serial = 0;

/** A real PostgreSQL server with TLS, role `app` (password `secret`) and database `app`. */
export class PostgresServer implements AsyncDisposable {
  readonly address: string;
  // Other test files use 5400 to 5999 and those after them by worker.
  readonly port = 15_000 + Number(process.env['VITEST_POOL_ID'] ?? '0') * 100 + serial++;
  readonly certificate = makeTestCertificate(['db-rw']);
  readonly #host: PostgresHost;
  readonly #dir = `/pg/connect-${this.port}`;

  private constructor(host: PostgresHost) {
    this.#host = host;
    this.address = host.address;
  }

  static async start(host: PostgresHost, settings: Record<string, string> = {}): Promise<PostgresServer> {
    const server = new PostgresServer(host);
    const lines = Object.entries({ port: String(server.port), ssl: 'on', ...settings }).map(
      ([name, value]) => `${name} = '${value}'`,
    );
    await server.run(`
      rm -rf ${server.#dir}; cp -a /pg/template ${server.#dir}; cd ${server.#dir}
      echo '${server.certificate.cert}' > server.crt
      echo '${server.certificate.key}' > server.key; chmod 600 server.key
      printf '%s\\n' ${lines.map((line) => `"${line}"`).join(' ')} >> postgresql.conf
      pg_ctl -D . -l log -w start >/dev/null`);
    return server;
  }

  /** Sends a signal to the postmaster, or to all of the server's processes. */
  async signal(name: 'STOP' | 'CONT' | 'KILL', whom: 'postmaster' | 'all' = 'postmaster'): Promise<void> {
    const postmaster = `$(head -1 ${this.#dir}/postmaster.pid)`;
    const children = whom === 'all' ? `$(cat /proc/${postmaster}/task/*/children)` : '';
    await this.run(`kill -${name} ${postmaster} ${children}`);
  }

  /** Runs SQL as superuser inside the container; returns the output of psql. */
  async sql(text: string): Promise<string> {
    return await this.run(`psql -XqAt -h /tmp -p ${this.port} -U postgres -d app -c "${text}"`);
  }

  async run(script: string): Promise<string> {
    const { container } = await getContainerRuntimeClient();
    const command = ['bash', '-ec', script];
    const { exitCode, output, stdout } = await container.exec(container.getById(this.#host.id), command);
    if (exitCode !== 0) throw new Error(`exit code ${exitCode} of: ${script}\n${output}`);
    return stdout.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signal('CONT', 'all').catch(() => {});
    await this.run(`pg_ctl -D ${this.#dir} -m immediate stop >/dev/null || true; rm -rf ${this.#dir}`);
  }
}
