import { describe, expect, test } from 'vitest';
import { classify } from './outcome.ts';
import type { WriteEvidence } from './outcome.ts';

const nothing: WriteEvidence = { sent: true, acknowledged: false, rejected: false, syncRepNotice: false };

describe('classify', () => {
  test.each([
    ['never sent', { sent: false }, 'fail'],
    ['never sent, whatever else was seen', { sent: false, syncRepNotice: true, sqlState: '08007' }, 'fail'],
    ['acknowledged', { acknowledged: true }, 'ok'],
    ['acknowledged after a cancelled wait', { acknowledged: true, syncRepNotice: true }, 'ok-weak'],
    ['rejected by a server that lives on', { rejected: true, sqlState: '25006' }, 'fail'],
    ['rejected with a code nobody has heard of', { rejected: true, sqlState: 'ZZ999' }, 'fail'],
    ['connection gone', {}, 'info'],
    ['terminated before the commit point', { sqlState: '57P01' }, 'info'],
    ['terminated during the wait', { syncRepNotice: true, sqlState: '57P01' }, 'info'],
    ['rejected although the commit was waiting', { rejected: true, syncRepNotice: true }, 'info'],
    ['the server itself does not know', { rejected: true, sqlState: '40003' }, 'info'],
    ['the server itself does not know, class 08', { rejected: true, sqlState: '08007' }, 'info'],
  ] as const)('%s', (_, evidence, outcome) => {
    expect(classify({ ...nothing, ...evidence })).toBe(outcome);
  });

  test('only an acknowledgement creates an obligation, and only a rejection or an unsent write denies one', () => {
    const [no, yes] = [false, true];
    const all = [no, yes].flatMap((sent) =>
      [no, yes].flatMap((acknowledged) =>
        [no, yes].flatMap((rejected) =>
          [no, yes].map((syncRepNotice) => ({ sent, acknowledged, rejected, syncRepNotice })),
        ),
      ),
    );
    expect(all.filter((it) => classify(it).startsWith('ok'))).toEqual(all.filter((it) => it.sent && it.acknowledged));
    expect(all.filter((it) => classify(it) === 'fail')).toEqual(
      all.filter((it) => !it.sent || (it.rejected && !it.acknowledged && !it.syncRepNotice)),
    );
  });
});
