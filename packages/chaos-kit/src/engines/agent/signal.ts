import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { PodTarget } from '../../targets/target.ts';
import type { Action } from '../engine.ts';
import { EngineError } from '../engine-error.ts';
import { agentFault } from './agent-fault.ts';
import { runAgent } from './agent-pods.ts';

/** Options of `signalFromNode`. */
export interface SignalFromNodeOptions {
  readonly container: string;
  /** A word of the agent's `lib/signal.sh`. */
  readonly process: string;
  /** Without `SIG`. */
  readonly signal: string;
}

/** Sends a signal to processes of a container from its node, which reaches process 1 too. `STOP` is undone by `CONT`. */
export function signalFromNode(targets: readonly PodTarget[], options: SignalFromNodeOptions): Action {
  const { container, process, signal } = options;
  const parts = targets.map((target) => ({ target, family: 'signal', container, args: [process, signal] }));
  const names = targets.map(({ name }) => name).join(', ');
  return agentFault(`SIG${signal} to ${process} of ${names}`, parts, { once: signal !== 'STOP' });
}

/** What became of a process that a signal was sent to. */
export interface SignalledProcess {
  readonly process: string;
  readonly signal: string;
  readonly pid: number;
  readonly now: 'gone' | 'stopped' | 'running';
}

/** Asks the node what became of the processes of the last signal to a pod. */
export async function signalledProcesses(
  kube: KubeClient,
  target: PodTarget,
  signal: AbortSignal,
): Promise<readonly SignalledProcess[]> {
  if (target.node === undefined) throw new EngineError('agent', `pod ${target.name} is on no node`);
  return parseSignalled(await runAgent(kube, target.node, ['signalled', target.uid], { signal }));
}

/** Reads what the agent's `signalled` printed. @throws EngineError when it is not of that form */
export function parseSignalled(text: string): readonly SignalledProcess[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, process = '', signal = '', pid, now] = /^(\S+) (\S+) (\d+) (gone|stopped|running)$/.exec(line) ?? [];
      if (now === undefined) throw new EngineError('agent', `signalled said ${JSON.stringify(line)}`);
      return { process, signal, pid: Number(pid), now: now as SignalledProcess['now'] };
    });
}
