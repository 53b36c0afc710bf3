/** Touching this cluster or namespace is not allowed. Nothing was touched; the message says how to allow it. */
export class GuardError extends Error {
  override readonly name = 'GuardError';
  readonly code = 'CHAOS_GUARD';
}
