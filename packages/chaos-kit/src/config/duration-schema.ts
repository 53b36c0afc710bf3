import { parseDuration } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';

const forms = 'a duration such as "30s", "1m30s" or "500ms", or a number of milliseconds';

/**
 * A zod schema for a duration. Accepts `"30s"`, `"1m30s"`, `"500ms"` or a number of milliseconds and yields milliseconds.
 * A bare number in a string (`"30"`) is refused, because nobody can tell its unit.
 */
export function durationSchema(): z.ZodType<number, string | number> {
  return z.union([z.string(), z.number()], { error: () => forms }).transform((value, context) => {
    try {
      return parseDuration(value);
    } catch {
      context.addIssue({ code: 'custom', message: forms, input: value });
      return z.NEVER;
    }
  });
}
