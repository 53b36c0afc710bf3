import { describe, expect, test } from 'vitest';
import { KubeError, NotFoundError } from './kube/errors.ts';
import { waitFor, WaitTimeoutError } from './wait.ts';

const quick = { timeoutMs: 5_000, intervalMs: 1 };

describe('a wait that succeeds', () => {
  test('returns the first value that is not undefined', async () => {
    let count = 0;
    const value = await waitFor('three', async () => (++count === 3 ? count : undefined), quick);
    expect(value).toBe(3);
  });

  test('null, false and 0 are values', async () => {
    await expect(waitFor('false', async () => false, quick)).resolves.toBe(false);
  });

  test('until decides when it is given', async () => {
    let count = 0;
    await expect(waitFor('five', async () => ++count, { ...quick, until: (n) => n === 5 })).resolves.toBe(5);
  });

  test('passing trouble of the API server is waited out', async () => {
    let count = 0;
    const probe = async () => {
      if (++count < 3) throw new KubeError('starting', { status: 503 });
      return 'up';
    };
    await expect(waitFor('the API', probe, quick)).resolves.toBe('up');
  });

  test('progress is told once for each new state', async () => {
    const states = ['a', 'a', 'b', 'b'];
    const told: string[] = [];
    await waitFor(
      'the end of states',
      async (_signal, { observe }) => {
        const state = states.shift();
        if (state === undefined) return true;
        observe(state);
        return undefined;
      },
      { ...quick, onProgress: (state) => told.push(state) },
    );
    expect(told).toEqual(['a', 'b']);
  });
});

describe('a wait that fails', () => {
  test('says what it waited for and what it saw last', async () => {
    const error: unknown = await waitFor(
      'Cluster team/db to be ready',
      async (_signal, { observe }) => {
        observe('Failing over, 1 of 3 ready');
        return undefined;
      },
      { timeoutMs: 20, intervalMs: 1 },
    ).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(WaitTimeoutError);
    expect(error).toMatchObject({ what: 'Cluster team/db to be ready', lastObserved: 'Failing over, 1 of 3 ready' });
    expect(String(error)).toMatch(
      /^WaitTimeoutError: Timed out after .+ waiting for Cluster team\/db to be ready\. Last observed: Failing over, 1 of 3 ready$/,
    );
  });

  test('a probe that hangs does not prolong it, and its signal aborts', async () => {
    let aborted = false;
    const hanging = (signal: AbortSignal) =>
      new Promise<undefined>(() => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
      });
    await expect(waitFor('it', hanging, { timeoutMs: 20 })).rejects.toMatchObject({ lastObserved: 'nothing yet' });
    expect(aborted).toBe(true);
  });

  test('a probe that hangs after it saw something keeps what it saw', async () => {
    const hanging = async (_signal: AbortSignal, { observe }: { observe: (what: unknown) => void }) => {
      observe('half way');
      return await new Promise<undefined>(() => {});
    };
    await expect(waitFor('it', hanging, { timeoutMs: 20 })).rejects.toMatchObject({ lastObserved: 'half way' });
  });

  test('the last error of a tolerated kind is told and kept as cause', async () => {
    const down = new KubeError('API is starting', { status: 503 });
    const error: unknown = await waitFor(
      'it',
      async () => {
        throw down;
      },
      { timeoutMs: 20, intervalMs: 1 },
    ).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ lastObserved: 'KubeError: API is starting', cause: down });
  });

  test('any other error ends it at once', async () => {
    let probes = 0;
    const missing = new NotFoundError('no such cluster', { status: 404 });
    const probe = async () => {
      probes++;
      throw missing;
    };
    await expect(waitFor('it', probe, quick)).rejects.toBe(missing);
    expect(probes).toBe(1);
  });

  test('an abort ends it with the reason of the signal, also in the pause', async () => {
    const controller = new AbortController();
    const reason = new Error('stop');
    const probe = async () => {
      setImmediate(() => {
        controller.abort(reason);
      });
      return undefined;
    };
    const options = { timeoutMs: 60_000, intervalMs: 60_000, signal: controller.signal };
    await expect(waitFor('it', probe, options)).rejects.toBe(reason);
    await expect(waitFor('it', probe, options)).rejects.toBe(reason);
  });

  test('leaves no listener on a signal that lives on', async () => {
    const controller = new AbortController();
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    let count = 0;
    await waitFor('fifty', async () => (++count === 50 ? true : undefined), { ...quick, signal: controller.signal });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });
});
