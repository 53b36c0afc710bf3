/** What is to be undone cannot be written down, so nothing may be broken. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
  readonly code = 'CHAOS_JOURNAL';
}
