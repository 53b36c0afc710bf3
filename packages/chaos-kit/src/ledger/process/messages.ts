import { z } from 'zod';
import { resolvedOptions } from '../history/manifest.ts';

/** Version of the messages between a ledger and the process of its writers; both sides must have the same. */
export const PROTOCOL_VERSION = 1;

/** How the clock of the writers relates to that of the run, which is `performance.now()` of the process that started them. */
const clockOffset = z.object({
  /** What to add to the monotonic clock of the writers, in ms. */
  shiftMs: z.number(),
  /** Both processes read the same clock, so the shift is exact. */
  shared: z.boolean(),
  /** The shift is known to within this, in ms. */
  uncertaintyMs: z.number(),
});
/** As measured between the two processes. */
export type ClockOffset = z.infer<typeof clockOffset>;

/** An error, with what its class needs to be made again. */
const failure = z.object({
  name: z.string(),
  message: z.string(),
  file: z.string().optional(),
  why: z.string().optional(),
});
/** An error that was sent. */
export type SentError = z.infer<typeof failure>;

const sizes = z.object({ records: z.number(), strings: z.number(), manifest: z.number() });

/** What the process of the writers is told. */
const toWriters = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ping'), id: z.number() }),
  z.object({
    kind: z.literal('start'),
    version: z.literal(PROTOCOL_VERSION),
    clock: clockOffset,
    options: resolvedOptions,
    target: z.object({
      user: z.string(),
      password: z.string().optional(),
      database: z.string(),
      ca: z.string().optional(),
      tlsServerName: z.string().optional(),
    }),
    historyDir: z.string(),
    /** How often to tell that it is alive, in ms. */
    beatMs: z.number(),
    about: z.record(z.string(), z.unknown()).optional(),
  }),
  z.object({ kind: z.literal('address'), id: z.number(), host: z.string(), port: z.number() }),
  z.object({ kind: z.literal('no-address'), id: z.number(), message: z.string() }),
  z.object({ kind: z.literal('standbys'), atMs: z.number(), streaming: z.number(), synchronous: z.number() }),
  /** Issue no more; what is still in flight after `timeoutMs` is given up. */
  z.object({ kind: z.literal('stop'), timeoutMs: z.number() }),
  /** End the history. */
  z.object({ kind: z.literal('close') }),
  /** Send a part of a file of the history. */
  z.object({
    kind: z.literal('fetch'),
    file: z.enum(['records', 'strings', 'manifest']),
    offset: z.number(),
    length: z.number(),
  }),
]);

/** What the process of the writers tells. */
const fromWriters = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('hello'), version: z.number(), node: z.string(), pid: z.number() }),
  /** Its monotonic clock, in ms. */
  z.object({ kind: z.literal('pong'), id: z.number(), monotonicMs: z.number() }),
  z.object({ kind: z.literal('address?'), id: z.number() }),
  z.object({ kind: z.literal('started') }),
  z.object({ kind: z.literal('refused'), error: failure }),
  /** Alive, with everything until that moment in the history; `sizes` of its files, in bytes. */
  z.object({ kind: z.literal('beat'), atMs: z.number(), backlog: z.number(), dropped: z.number(), sizes }),
  /** No write is issued any more, for this reason if it was not asked for. */
  z.object({ kind: z.literal('ending'), atMs: z.number(), failure: failure.optional() }),
  z.object({ kind: z.literal('stopped') }),
  z.object({ kind: z.literal('closed'), sizes }),
  /** With the bytes that were asked for; fewer when the file has no more. */
  z.object({ kind: z.literal('part'), file: z.enum(['records', 'strings', 'manifest']), offset: z.number() }),
]);

/** A message to the process of the writers. */
export type ToWriters = z.infer<typeof toWriters>;
/** A message from it. */
export type FromWriters = z.infer<typeof fromWriters>;
/** Files of a history that can be fetched. */
export type HistoryPart = Extract<ToWriters, { kind: 'fetch' }>['file'];

/** Checks a message to the writers. @throws ZodError */
export const parseToWriters = (message: unknown): ToWriters => toWriters.parse(message);
/** Checks a message from the writers. @throws ZodError */
export const parseFromWriters = (message: unknown): FromWriters => fromWriters.parse(message);
