import { describe, expect, test } from 'vitest';
import { LedgerOptionError } from './errors.ts';
import { resolveLedgerOptions } from './options.ts';

const circular: Record<string, unknown> = {};
circular['self'] = circular;

describe('resolveLedgerOptions', () => {
  test('fills in defaults and a table of its own', () => {
    const options = resolveLedgerOptions({ seed: 1 });
    expect(options).toMatchObject({ writers: 32, rate: 1000, batch: 1, payloadBytes: 16, maxSessions: 72 });
    expect(options.table).toMatch(/^chaos_ledger_\w+$/);
    expect(options.applicationName.length).toBeLessThan(58); // PostgreSQL cuts at 63, and the final session adds six
    expect(resolveLedgerOptions({ seed: 1 }).table).not.toBe(options.table);
    expect(resolveLedgerOptions({ seed: 1, rate: 'closed', writers: undefined })).toMatchObject({
      rate: 'closed',
      writers: 32,
    });
    expect(resolveLedgerOptions({ seed: 1, workload: 'stress' })).toMatchObject({ rate: 'closed', writers: 64 });
    expect(resolveLedgerOptions({ seed: 1, workload: 'volume', batch: 10 })).toMatchObject({ writers: 4, batch: 10 });
  });

  test.each([
    [{ writers: 0 }, '"writers" is 0; it must be an integer from 1 to 256'],
    [{ writers: 1.5 }, '"writers" is 1.5'],
    [{ workload: 'toString' as 'steady' }, '"workload" is toString; it must be steady or stress or volume'],
    [{ about: circular }, '"about" is [object Object]; it must be what JSON can hold'],
    [{ batch: 1001 }, '"batch" is 1001'],
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
