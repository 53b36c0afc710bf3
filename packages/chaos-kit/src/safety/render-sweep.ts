import type { SweepResult, SweptThing } from './sweep.ts';

const heads = ['', 'what', 'namespace', 'run', 'how'] as const;

/** A table of what a sweep found, and what that means, in the last line. */
export function renderSweep({ things, blind }: SweepResult): string {
  const rows = things.map((thing) => [
    thing.outcome,
    thing.what,
    thing.namespace,
    thing.runId?.slice(0, 8) ?? '-',
    thing.how,
  ]);
  const table = rows.length === 0 ? [] : [[...heads], ...rows];
  const widths = heads.map((_head, column) => Math.max(0, ...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${[...lines, ...blind, totals(things, blind)].join('\n')}\n`;
}

function totals(things: readonly SweptThing[], blind: readonly string[]): string {
  const parts = (['removed', 'found', 'failed', 'left alone'] as const).flatMap((outcome) => {
    const count = things.filter((thing) => thing.outcome === outcome).length;
    return count === 0 ? [] : [`${count} ${outcome}`];
  });
  if (parts.length > 0) return parts.join(', ');
  return blind.length > 0 ? 'nothing found where one could look' : 'nothing is left behind';
}

/** 0 when nothing is left that may be removed, 1 when something is, 3 when nobody could look everywhere. */
export function sweepExitCode({ things, blind }: SweepResult): number {
  if (things.some(({ outcome }) => outcome === 'failed' || outcome === 'found')) return 1;
  return blind.length > 0 ? 3 : 0;
}
