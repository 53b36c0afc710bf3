/** Lines of a log of which each should be one JSON object. */
export interface JsonLog {
  entries: Record<string, unknown>[];
  /** Lines that are none. A cut last line or a panic's stack trace is no reason to lose the others. */
  malformed: string[];
}

/** Reads a log of one JSON object per line, as instance managers and the operator write it. Empty lines are left out. */
export function parseJsonLog(text: string): JsonLog {
  const log: JsonLog = { entries: [], malformed: [] };
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const entry = objectOf(line);
    if (entry === undefined) log.malformed.push(line);
    else log.entries.push(entry);
  }
  return log;
}

/** One record of PostgreSQL's own log, as an instance manager passes it on. */
export interface PostgresLogRecord {
  /** Such as `ERROR`, `FATAL`, `LOG`. */
  severity: string;
  message: string;
  sqlState?: string;
  query?: string;
  user?: string;
  database?: string;
  /** By PostgreSQL's clock and in its form. */
  at?: string;
}

/** PostgreSQL's own records among the entries of an instance's log. */
export function postgresRecords(entries: readonly Record<string, unknown>[]): PostgresLogRecord[] {
  return entries.flatMap(({ logger, record }) => {
    if (logger !== 'postgres' || typeof record !== 'object' || record === null) return [];
    const field = (name: string) => {
      const value = (record as Record<string, unknown>)[name];
      return typeof value === 'string' && value !== '' ? value : undefined;
    };
    const optional = Object.entries({
      sqlState: field('sql_state_code'),
      query: field('query'),
      user: field('user_name'),
      database: field('database_name'),
      at: field('log_time'),
    }).filter(([, value]) => value !== undefined);
    return [
      { severity: field('error_severity') ?? '', message: field('message') ?? '', ...Object.fromEntries(optional) },
    ];
  });
}

function objectOf(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
