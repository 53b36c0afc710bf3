import type { Json } from '../engines/engine.ts';

/** One look at whether something is so. */
export interface Observation {
  readonly seen: boolean;
  /** What was observed, as a sentence, whether `seen` or not: it becomes the evidence or the error. */
  readonly what: string;
  readonly data?: { readonly [key: string]: Json };
}

/** An observation that proved something, with its time on the runner's monotonic clock. */
export interface Evidence extends Observation {
  readonly seen: true;
  /** When it was first seen, `performance.now()`. */
  readonly atMs: number;
  /** The look before, when it was not yet seen; the truth lies in between. */
  readonly notBeforeMs: number;
}

/** One look at several things; seen when it is so with every one of them. */
export async function allOf<T>(things: readonly T[], look: (thing: T) => Promise<Observation>): Promise<Observation> {
  const looks = await Promise.all(things.map(look));
  const data = Object.assign({}, ...looks.map((each) => each.data ?? {})) as { readonly [key: string]: Json };
  return { seen: looks.every(({ seen }) => seen), what: looks.map(({ what }) => what).join('; '), data };
}
