import type { EngineName, Leftover } from './engine.ts';

/** An engine could not do what it was asked to do. Its message says what the engine last reported. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code = 'CHAOS_ENGINE';
  readonly engine: EngineName;

  constructor(engine: EngineName, message: string, options?: { cause?: unknown }) {
    super(`${engine}: ${message}`, options);
    this.engine = engine;
  }
}

/** An engine could look at a part only. What it found there is not lost: `found`. */
export class PartlyBlindError extends EngineError {
  readonly found: readonly Leftover[];

  constructor(engine: EngineName, found: readonly Leftover[], cause: unknown) {
    super(engine, cause instanceof Error ? cause.message : String(cause), { cause });
    this.found = found;
  }
}

/** The engine that was asked for cannot do this fault, or is not there. Nothing was touched. */
export class EngineUnavailableError extends Error {
  override readonly name = 'EngineUnavailableError';
  readonly code = 'CHAOS_ENGINE_UNAVAILABLE';
}
