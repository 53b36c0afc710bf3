import { expect, test } from 'vitest';
import { ConflictError, KubeError } from './kube/errors.ts';
import { retry } from './retry.ts';

const quick = { minTimeoutMs: 1, maxTimeoutMs: 1 };
const passing = new KubeError('busy', { status: 503 });

test('passing errors are tried again, the attempt is counted', async () => {
  const attempts: number[] = [];
  const value = await retry(async (attempt) => {
    attempts.push(attempt);
    if (attempt < 3) throw passing;
    return 'done';
  }, quick);
  expect(value).toBe('done');
  expect(attempts).toEqual([1, 2, 3]);
});

test('the last error comes out as it is', async () => {
  let tries = 0;
  const action = async () => {
    tries++;
    throw passing;
  };
  await expect(retry(action, { ...quick, retries: 2 })).rejects.toBe(passing);
  expect(tries).toBe(3);
});

test('other errors are not tried again and come out as they are', async () => {
  let tries = 0;
  const conflict = new ConflictError('changed', { status: 409 });
  const action = async () => {
    tries++;
    throw conflict;
  };
  await expect(retry(action, quick)).rejects.toBe(conflict);
  expect(tries).toBe(1);
});

test('a TypeError is tried again when asked for, which p-retry alone refuses', async () => {
  let tries = 0;
  const action = async () => {
    if (++tries < 3) throw new TypeError('not a network error');
    return tries;
  };
  await expect(retry(action, { ...quick, retryIf: () => true })).resolves.toBe(3);
});

test('an abort ends the pause with the reason of the signal', async () => {
  const controller = new AbortController();
  const reason = new Error('stop');
  const action = async () => {
    setImmediate(() => {
      controller.abort(reason);
    });
    throw passing;
  };
  const pending = retry(action, {
    minTimeoutMs: 60_000,
    maxTimeoutMs: 60_000,
    maxRetryTimeMs: 600_000,
    signal: controller.signal,
  });
  await expect(pending).rejects.toBe(reason);
});
