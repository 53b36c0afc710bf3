import type { ClusterUnderTest } from '@cnpg-chaos/chaos-kit';
import { closeClient, connect } from '@cnpg-chaos/cnpg-utils';

/**
 * Runs one statement as the application user, through the same Service as the ledger.
 * @returns how many rows it touched
 */
export async function tamper(cluster: ClusterUnderTest, sql: string): Promise<number> {
  const target = cluster.ledgerTarget();
  const { user, password = '', database, ca, tlsServerName } = target;
  const { host, port } = await target.resolveHost(AbortSignal.timeout(5000));
  const client = await connect({
    host,
    port,
    user,
    password,
    database,
    applicationName: 'chaos-control',
    ...(ca === undefined ? {} : { ca }),
    ...(tlsServerName === undefined ? {} : { serverName: tlsServerName }),
  });
  try {
    const { rowCount } = await client.query(sql);
    return rowCount ?? 0;
  } finally {
    await closeClient(client);
  }
}
