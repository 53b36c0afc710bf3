import { setTimeout as sleep } from 'node:timers/promises';
import { errorReason } from '../ledger/errors.ts';
import { Session } from '../ledger/session.ts';
import type { Address, LedgerTarget } from '../ledger/target.ts';
import type { ObservationSink } from './observation-file.ts';

/** What every observer that looks by SQL is given. */
export interface ObserverContext {
  readonly target: LedgerTarget;
  readonly sink: ObservationSink;
  /** Name of its sessions in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Bound of connecting and of each look that does not name its own, in ms. */
  readonly timeoutMs: number;
}

/** How one observer looks. */
export interface Look {
  /** As in `blind` observations. */
  readonly observer: string;
  /** Pause between two looks, in ms. */
  readonly periodMs: number;
  /** After how long a session is replaced by a new one, in ms; never when missing. */
  readonly sessionMs?: number;
  /** Where to connect; asked before each new session. */
  resolve(signal: AbortSignal): Promise<Address>;
  /** The name that the certificate must carry does not fit when an instance is reached by its own address. */
  readonly anyServerName?: boolean;
  /** One look that succeeds is enough, and after this time no further one is begun, in ms. */
  readonly onceWithinMs?: number;
  /** Told of each new session, to prepare it. */
  opened?(session: ObserverSession): Promise<void>;
  /** One look. An error ends the session. */
  look(session: ObserverSession): Promise<void>;
}

/** A session with its number and the time when it began to connect. */
export interface ObserverSession {
  readonly number: number;
  readonly openedMs: number;
  query(text: string, values?: unknown[], timeoutMs?: number): Promise<unknown[][]>;
}

let sessions = 0;

/**
 * Looks again and again through one session, and opens a new one when that breaks. Times without a session are kept as
 * `blind` observations. Never rejects.
 */
export async function observe(context: ObserverContext, look: Look, signal: AbortSignal): Promise<void> {
  const { sink } = context;
  let blindSinceMs: number | undefined;
  let why = '';
  const seeing = (): void => {
    if (blindSinceMs === undefined) return;
    sink.write({ kind: 'blind', observer: look.observer, fromMs: blindSinceMs, toMs: performance.now(), why });
    blindSinceMs = undefined;
  };
  const { onceWithinMs } = look;
  const deadlineMs = performance.now() + (onceWithinMs ?? Infinity);
  while (!signal.aborted && performance.now() < deadlineMs) {
    const openedMs = performance.now();
    let lookedAtMs = openedMs;
    let session: Session | undefined;
    try {
      session = await open(context, look, signal);
      const { timeoutMs } = context;
      const opened = session;
      const it: ObserverSession = {
        number: ++sessions,
        openedMs,
        query: (text, values, limitMs = timeoutMs) => opened.query(text, limitMs, values),
      };
      await look.opened?.(it);
      while (!signal.aborted && performance.now() - openedMs < (look.sessionMs ?? Infinity)) {
        await look.look(it);
        lookedAtMs = performance.now();
        seeing();
        if (onceWithinMs !== undefined) break;
        await pause(look.periodMs, signal);
      }
      await session.close();
      if (onceWithinMs !== undefined) return;
    } catch (error) {
      session?.destroy('it broke');
      if (signal.aborted) break;
      blindSinceMs ??= lookedAtMs;
      why = errorReason(error);
      await pause(look.periodMs, signal);
    }
  }
  seeing();
}

async function open(context: ObserverContext, look: Look, signal: AbortSignal): Promise<Session> {
  const { tlsServerName, ...target } = context.target;
  const named = look.anyServerName === true || tlsServerName === undefined ? target : { ...target, tlsServerName };
  return Session.open(
    { ...named, resolveHost: (limit) => look.resolve(limit) },
    {
      applicationName: context.applicationName,
      connectTimeoutMs: context.timeoutMs,
      signal,
    },
  );
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
