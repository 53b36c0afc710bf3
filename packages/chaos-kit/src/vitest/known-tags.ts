/** A tag filter names a tag that no spec can carry. Nothing was touched. */
export class UnknownTagError extends Error {
  override readonly name = 'UnknownTagError';
  readonly code = 'UNKNOWN_TAG';
}

/**
 * Checks the tags of a filter before a cluster is looked for: vitest itself does so only when it has loaded the specs.
 * Patterns with `*` and the grammar of the filter are left to vitest.
 *
 * @throws {UnknownTagError} naming the tag, the filter and the tags that there are.
 */
export function assertKnownTags(filters: readonly string[], known: readonly string[]): void {
  for (const filter of filters) {
    const words = filter.split(/[\s()!&|]+/).filter((word) => !/^(and|or|not|)$/i.test(word) && !word.includes('*'));
    const unknown = words.find((word) => !known.includes(word));
    if (unknown === undefined) continue;
    throw new UnknownTagError(
      `--tags-filter: got "${filter}", but there is no tag "${unknown}"; expected ${known.join(', ')}`,
    );
  }
}
