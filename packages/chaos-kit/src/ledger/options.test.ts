import { describe, expect, test } from 'vitest';
import { LedgerOptionError } from './errors.ts';
import { resolveLedgerOptions } from './options.ts';

describe('resolveLedgerOptions', () => {
  test('fills in defaults and a table of its own', () => {
    const options = resolveLedgerOptions({ seed: 1 });
    expect(options).toMatchObject({ writers: 8, rate: 500, payloadBytes: 16, expectSync: false, maxSessions: 26 });
    expect(options.table).toMatch(/^chaos_ledger_\w+$/);
    expect(options.applicationName.length).toBeLessThan(58); // PostgreSQL cuts at 63, and the final session adds six
    expect(resolveLedgerOptions({ seed: 1 }).table).not.toBe(options.table);
    expect(resolveLedgerOptions({ seed: 1, rate: 'closed', writers: undefined })).toMatchObject({
      rate: 'closed',
      writers: 8,
    });
  });

  test.each([
    [{ writers: 0 }, '"writers" is 0; it must be an integer from 1 to 256'],
    [{ writers: 1.5 }, '"writers" is 1.5'],
    [{ rate: 0 }, '"rate" is 0; it must be from 1 to 100000'],
    [{ rate: NaN }, '"rate" is NaN'],
    [{ payloadBytes: 65_537 }, '"payloadBytes" is 65537'],
    [{ opTimeoutMs: 5 }, '"opTimeoutMs" is 5'],
    [{ seed: 2 ** 32 }, '"seed" is 4294967296'],
    [{ table: 'x; drop table y' }, '"table" is x; drop table y; it must be lower-case'],
  ])('refuses %j', (wrong, message) => {
    const resolve = () => resolveLedgerOptions({ seed: 1, ...wrong });
    expect(resolve).toThrow(LedgerOptionError);
    expect(resolve).toThrow(message);
  });
});
