import { findPodByUid, type KubeClient, psqlRows } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { pauseReplay } from '../engines/kubernetes/pause-replay.ts';
import { podSelector, podTargetSpec } from '../targets/target-spec.ts';
import type { PodTarget } from '../targets/target.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';

interface Replay {
  standby: boolean;
  state: string | null;
  behind: string | null;
}

const sql = `SELECT pg_is_in_recovery() AS standby,
  CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() END AS state,
  CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn())::text END AS behind`;

/**
 * A standby stops replaying WAL (`pg_wal_replay_pause`). It goes on receiving and acknowledging, so that writes go on,
 * but who reads from it sees the past; as a new primary it would first have to catch up.
 */
export const replayPaused = defineFault({
  name: 'replay-paused',
  options: z.object({ target: podTargetSpec.default({ replica: 0 }) }),
  target: ({ target }) => podSelector(target),
  engines: { kubernetes: ({ target }) => pauseReplay(target) },
  unsupported: { 'chaos-mesh': 'it does not speak to PostgreSQL' },
  needs: { kubernetes: ['create pods/exec'] },
  occupies: ({ targets }) => targets.map(({ uid }) => `replay of pod ${uid}`),
  evidence: {
    async effect({ kube, target }, signal) {
      const { state, behind } = await look(kube, target, signal);
      const what = `${target.name}: replay ${state ?? 'is not a standby'}, ${behind ?? '?'} bytes behind what it received`;
      return { seen: state === 'paused', what, data: { behindBytes: Number(behind ?? 0) } };
    },
    async healed({ kube, target }, signal) {
      // gone or promoted: nothing is paused then
      if ((await findPodByUid(kube, target, { signal })) === undefined)
        return { seen: true, what: `${target.name}: this pod is gone` };
      const { standby, state, behind } = await look(kube, target, signal);
      if (!standby) return { seen: true, what: `${target.name} is no standby any more` };
      const what = `${target.name}: replay ${state ?? '?'}, ${behind ?? '?'} bytes behind what it received`;
      return { seen: state === 'not paused', what, data: { behindBytes: Number(behind ?? 0) } };
    },
  },
});

async function look(kube: KubeClient, target: PodTarget, signal: AbortSignal): Promise<Replay> {
  const [row] = await psqlRows<Replay>(kube, target, sql, { signal });
  return row ?? { standby: false, state: null, behind: null };
}

/** Runs the body with the replay of a standby paused; see `replayPaused`. */
export const withReplayPaused = fixture(replayPaused);
