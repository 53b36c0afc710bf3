/** Thrown when a text is no name of a WAL file. */
export class InvalidWalFileError extends Error {
  override readonly name = 'InvalidWalFileError';
  readonly code = 'CNPG_INVALID_WAL_FILE';

  constructor(value: string) {
    super(
      `${JSON.stringify(value)} is no WAL file; expected 24 hexadecimal digits such as "000000020000000000000005", ` +
        `or a history file such as "00000002.history"`,
    );
  }
}

/**
 * The timeline that a WAL segment, its `.partial` form, a backup label or a history file belongs to.
 *
 * @throws InvalidWalFileError
 */
export function timelineOfWalFile(name: string): number {
  const match =
    /^(?<timeline>[0-9A-Fa-f]{8})(?:[0-9A-Fa-f]{16}(?:\.partial|\.[0-9A-Fa-f]{8}\.backup)?|\.history)$/.exec(name);
  const timeline = match?.groups?.['timeline'];
  if (timeline === undefined) throw new InvalidWalFileError(name);
  const number = Number.parseInt(timeline, 16);
  if (number === 0) throw new InvalidWalFileError(name);
  return number;
}

/** One line of a history file: a timeline ended at a WAL position, and the next one began there. */
export interface TimelineSwitch {
  /** The timeline that ended. */
  timeline: number;
  /** WAL position at which it ended, as PostgreSQL writes it. */
  switchpoint: string;
  reason: string;
}

/** A history file has a line that tells of no switch: it is not whole, or no history file. */
export class InvalidTimelineHistoryError extends Error {
  override readonly name = 'InvalidTimelineHistoryError';
  readonly code = 'CNPG_INVALID_TIMELINE_HISTORY';

  constructor(line: string) {
    super(
      `${JSON.stringify(line)} is no line of a timeline history; expected a timeline, a WAL position and a reason, ` +
        'such as "1\\t0/5000060\\tno recovery target specified"',
    );
  }
}

/**
 * Parses the content of a history file, oldest timeline first. Comments and empty lines are skipped.
 *
 * @throws InvalidTimelineHistoryError
 */
export function parseTimelineHistory(content: string): TimelineSwitch[] {
  const switches: TimelineSwitch[] = [];
  for (const line of content.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const match = /^\s*(?<timeline>\d+)\s+(?<lsn>[0-9A-Fa-f]+\/[0-9A-Fa-f]+)\s*(?<reason>.*)$/.exec(line);
    const { timeline, lsn, reason } = match?.groups ?? {};
    if (timeline === undefined || lsn === undefined) throw new InvalidTimelineHistoryError(line);
    switches.push({ timeline: Number(timeline), switchpoint: lsn, reason: (reason ?? '').trim() });
  }
  return switches;
}
