import { DURABILITY_HASH_SQL } from './durability.ts';

/** SQL of the timeline a primary writes on. `pg_control_checkpoint()` still shows the old one until the next checkpoint. */
export const TIMELINE_SQL = "('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int";

/** Writer number of tombstones; real writers count from 0. */
export const TOMBSTONE_WRITER = -1;

/**
 * One table per run. Its index is not unique on purpose: the ledger wants to see a duplicate, not to prevent it.
 * The stamps are defaults, so they are taken by the server that executes the insert.
 */
export function createTableSql(table: string): string {
  return `create table ${table} (
  writer int not null, seq int not null, epoch int not null, payload text not null,
  tli int not null default ${TIMELINE_SQL},
  server text default host(inet_server_addr()),
  lsn pg_lsn not null default pg_current_wal_insert_lsn(),
  at timestamptz not null default clock_timestamp()
);
create index on ${table} (writer, seq)`;
}

/** Parameters: writer, seq, epoch, payload. Returns the timeline, the hash of the durability settings in force and the WAL position. */
export function insertSql(table: string): string {
  return `insert into ${table} (writer, seq, epoch, payload) values ($1, $2, $3, $4) returning tli, ${DURABILITY_HASH_SQL}, lsn`;
}

/** Like `insertSql` for several rows at once: writer, epoch, and arrays of seq and payload. All of them or none are written. */
export function insertManySql(table: string): string {
  return `with w as (
  insert into ${table} (writer, seq, epoch, payload)
  select $1::int, u.seq, $2::int, u.payload from unnest($3::int[], $4::text[]) u (seq, payload)
  returning tli, lsn
) select min(tli), ${DURABILITY_HASH_SQL}, min(lsn), count(*)::int from w`;
}

/** The final read. Text format: the columns need no escaping. */
export function copySql(table: string): string {
  return `copy (select writer, seq, payload from ${table}) to stdout`;
}
