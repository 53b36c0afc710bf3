import { expect, test } from 'vitest';
import { EngineError, EngineUnavailableError } from '../engines/engine-error.ts';
import { HistoryWriteError } from '../ledger/index.ts';
import { GuardError } from '../safety/guard-error.ts';
import { TargetError } from '../targets/target.ts';
import { ExperimentOverError, HealError, NoEffectError, RecoveryError, SteadyStateError } from './experiment-error.ts';
import { findingOf } from './findings.ts';

test.each<[Error, boolean, string, string]>([
  [new Error('assertion'), false, 'fail', 'body'],
  [new RecoveryError('writes did not come back'), false, 'fail', 'recover'],
  [new HealError([new Error('no rights')], []), false, 'unhealed', 'heal'],
  [new HealError([new Error('no rights')], []), true, 'unhealed', 'heal'],
  [new HistoryWriteError('/run/history.bin', new Error('ENOSPC')), false, 'inconclusive', 'ledger'],
  [new NoEffectError('nothing happened'), false, 'inconclusive', 'evidence'],
  [new SteadyStateError('not healthy'), false, 'inconclusive', 'steady-state'],
  [new EngineError('chaos-mesh', 'not injected'), false, 'inconclusive', 'engine'],
  [new EngineUnavailableError('not there'), false, 'inconclusive', 'refused'],
  [new TargetError('nobody'), false, 'inconclusive', 'target'],
  [new GuardError('not listed'), false, 'inconclusive', 'refused'],
  [new Error('aborted'), true, 'aborted', 'abort'],
  [new ExperimentOverError('over'), false, 'aborted', 'abort'],
])('%s (aborted: %s) is %s by %s', (error, aborted, verdict, source) => {
  expect(findingOf(error, aborted)).toEqual({ verdict, source, reason: error.message });
});
