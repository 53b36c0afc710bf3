/**
 * Runs one `SELECT` (no semicolon, no parameters) with enough rights to see and end every session, and returns its
 * rows. The ledger only writes statements that may be wrapped as
 * `SELECT coalesce(json_agg(q), '[]') FROM (<sql>) q`, so it can be a superuser connection or an exec of psql.
 */
export type AdminQuery = (sql: string, signal: AbortSignal) => Promise<Record<string, unknown>[]>;

/** Where to connect right now. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A change of the cluster as its platform tells it, on `performance.now()`. */
export interface ClusterChange {
  readonly atMs: number;
  /** Such as `currentPrimary`. */
  readonly what: string;
  readonly instance?: string | undefined;
  readonly uid?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** It was found after a time of blindness and happened earlier. */
  readonly late: boolean;
}

/** A watch of the platform that is going on. */
export interface ClusterWatch {
  /** Times in which changes were not seen when they happened. */
  readonly blind: readonly { readonly fromMs: number; readonly toMs: number; readonly why: string }[];
  stop(): Promise<void>;
}

/** One instance and its own address. */
export interface InstanceAddress extends Address {
  readonly name: string;
}

/** The PostgreSQL service that the ledger writes to. It knows nothing of Kubernetes. */
export interface LedgerTarget {
  /** Asked before every connection, so that a service whose address moves is followed. */
  resolveHost(signal: AbortSignal): Promise<Address>;
  readonly user: string;
  readonly password?: string | undefined;
  readonly database: string;
  /** PEM of the certificate authority. With it connections are TLS and the chain is verified; without it they are plain. */
  readonly ca?: string | undefined;
  /** Name the server certificate must carry. Without it the chain alone is checked (`verify-ca`), since hosts are often bare addresses. */
  readonly tlsServerName?: string | undefined;
  /**
   * Where each instance itself is reached, as the same role, whatever the Service says. With it a ledger that keeps its
   * history is observed: readers and a prober look while it writes.
   */
  readonly instances?: (signal: AbortSignal) => Promise<readonly InstanceAddress[]>;
  /** Where reads that may lag are sent, such as the `-ro` Service. */
  readonly readOnly?: (signal: AbortSignal) => Promise<Address>;
  /** What the platform says of the cluster: calls back with each change, the present state first, until it is stopped. */
  readonly watch?: (onChange: (change: ClusterChange) => void) => Promise<ClusterWatch>;
  /** Superuser query on the current primary: lets the ledger count synchronous standbys, which an ordinary role cannot see. */
  readonly admin?: AdminQuery;
}

/** One PostgreSQL instance of the cluster, primary or standby, as the final read needs it. */
export interface FinalInstance {
  readonly name: string;
  readonly admin: AdminQuery;
  /** A superuser in the database of the ledger, to look at the structure of its table and index. Errors begin with, or carry as `code`, the SQLSTATE. */
  readonly database?: DatabaseAdmin;
}

/** A superuser in one database of one instance. */
export interface DatabaseAdmin {
  readonly query: AdminQuery;
  /** Runs one statement that yields no rows, such as one that creates an extension. */
  command(sql: string, signal: AbortSignal): Promise<void>;
}

/** What the final read needs besides the target: a way into every instance, to end sessions that could still commit. */
export interface FinalReader {
  instances(signal: AbortSignal): Promise<FinalInstance[]>;
}

/** Reads a column of an admin row as text: JSON and driver rows differ in how they type numbers. */
export function columnText(row: Record<string, unknown> | undefined, column: string): string | undefined {
  const value = row?.[column];
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  return JSON.stringify(value);
}
