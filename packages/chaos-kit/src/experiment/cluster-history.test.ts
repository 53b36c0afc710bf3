import { expect, test } from 'vitest';
import { SharedClusterHistory, type SharedHistory } from './cluster-history.ts';

/** A source of histories that counts how many run. */
function source() {
  const state = { started: 0, running: 0, followers: 0, refuse: false };
  const start = async (): Promise<SharedHistory> => {
    if (state.refuse) throw new Error('forbidden');
    state.started++;
    state.running++;
    return {
      samples: [],
      blind: [],
      blindOfAnything: [],
      follow: () => {
        state.followers++;
        return () => void state.followers--;
      },
      stop: async () => void state.running--,
    };
  };
  return { state, shared: new SharedClusterHistory(start) };
}

test('everybody follows one history, which ends with the last of them', async () => {
  const { state, shared } = source();
  const [first, second] = await Promise.all([shared.follow({}), shared.follow({})]);
  expect(state).toMatchObject({ started: 1, running: 1, followers: 2 });
  await first.stop();
  await first.stop();
  expect(state).toMatchObject({ running: 1, followers: 1 });
  await second.stop();
  expect(state).toMatchObject({ running: 0, followers: 0 });
  const third = await shared.follow({});
  expect(state).toMatchObject({ started: 2, running: 1 });
  await third.stop();
});

test('one that is refused is told to those who waited, and tried again by the next', async () => {
  const { state, shared } = source();
  state.refuse = true;
  const asked = await Promise.allSettled([shared.follow({}), shared.follow({})]);
  expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  state.refuse = false;
  const { stop } = await shared.follow({});
  expect(state).toMatchObject({ started: 1, running: 1, followers: 1 });
  await stop();
  expect(state.running).toBe(0);
});
