import { inject } from 'vitest';
import type { Address, FinalReader, LedgerTarget } from '../../src/ledger/index.ts';
import { PostgresInstance } from './postgres-instance.ts';

/** A primary with its standbys, and a route to one of them that a test may move, as a service would. */
export class PostgresCluster implements AsyncDisposable {
  readonly primary: PostgresInstance;
  readonly standbys: readonly PostgresInstance[];
  /** Where clients are sent. */
  route: PostgresInstance;
  /** Where clients that only read are sent. */
  readRoute: PostgresInstance;

  private constructor(primary: PostgresInstance, standbys: PostgresInstance[]) {
    this.primary = primary;
    this.standbys = standbys;
    this.route = primary;
    this.readRoute = standbys[0] ?? primary;
  }

  /** Starts a primary and a chain of standbys, each following the one before; the first is synchronous unless `sync` is false. */
  static async start(options: { standbys?: number; sync?: boolean } = {}): Promise<PostgresCluster> {
    const [first, ...others] = inject('postgresHosts');
    if (first === undefined) throw new Error('no containers were provided');
    const primary = new PostgresInstance(first, 'p');
    const standbys = others.slice(0, options.standbys ?? 1).map((host, i) => new PostgresInstance(host, `s${i + 1}`));
    const cluster = new PostgresCluster(primary, standbys);
    await primary.createPrimary();
    let upstream = primary;
    for (const standby of standbys) {
      await standby.createStandby(upstream);
      upstream = standby;
    }
    if (options.sync ?? true) await primary.configure({ synchronous_standby_names: 'ANY 1 (s1)' });
    return cluster;
  }

  standby(index = 0): PostgresInstance {
    const standby = this.standbys[index];
    if (standby === undefined) throw new Error(`no standby ${index}`);
    return standby;
  }

  get address(): Address {
    return { host: this.route.host.address, port: this.route.port };
  }

  get target(): LedgerTarget {
    return {
      resolveHost: async () => this.address,
      user: 'app',
      password: 'secret',
      database: 'app',
      admin: (sql) => this.route.sql(sql),
    };
  }

  /** A target that knows its instances, so that a ledger with a history is observed. */
  get observed(): LedgerTarget {
    return {
      ...this.target,
      instances: async () =>
        [this.primary, ...this.standbys].map(({ name, host, port }) => ({ name, host: host.address, port })),
      readOnly: async () => ({ host: this.readRoute.host.address, port: this.readRoute.port }),
    };
  }

  get final(): FinalReader {
    return { instances: async () => [this.primary, ...this.standbys].map((instance) => instance.final) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.primary, ...this.standbys].map((instance) => instance.remove()));
  }
}
