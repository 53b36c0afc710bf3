import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Ledger, verifyStored } from '../../src/ledger/index.ts';
import { writerBundle } from '../../src/ledger/process/bundle.ts';
import type { WriterPlace } from '../../src/ledger/process/link.ts';
import { ReattachingLink } from '../../src/ledger/process/reattaching-link.ts';
import { until } from './container-host.ts';
import { PostgresCluster } from './postgres-cluster.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ledger-place-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** The bundled file in a directory of its own, reached by attaching to it as `podPlace` does by exec. */
class Elsewhere {
  readonly place: WriterPlace;
  readonly #work = mkdtempSync(join(scratch, 'work-'));
  #attached: ChildProcess | undefined;
  #served: ChildProcess | undefined;
  /** Attaching fails while it is set. */
  cut = false;

  constructor() {
    this.place = {
      open: async (_o, handlers) => {
        const program = join(this.#work, 'writers.cjs');
        writeFileSync(program, await writerBundle());
        const served = spawn(process.execPath, [program, 'serve', this.#work], { env: {}, stdio: 'inherit' });
        this.#served = served;
        return new ReattachingLink(
          {
            historyDir: join(this.#work, 'history'),
            attach: async () => {
              if (this.cut) throw new Error('unreachable');
              const child = spawn(process.execPath, [program, 'attach', this.#work], {
                env: {},
                stdio: ['pipe', 'pipe', 'inherit'],
              });
              child.stdin.on('error', () => undefined);
              this.#attached = child;
              const ended = new Promise((resolve) => child.once('close', resolve));
              return { stdin: child.stdin, stdout: child.stdout, ended, close: () => child.kill('SIGKILL') };
            },
            over: async () =>
              served.exitCode === null && served.signalCode === null ? undefined : `signal ${served.signalCode}`,
            remove: async () => void served.kill('SIGKILL'),
          },
          handlers,
        );
      },
    };
  }

  /** Nobody can reach the writers any more. */
  partition(): void {
    this.cut = true;
    this.#attached?.kill('SIGKILL');
  }

  kill(): void {
    this.#served?.kill('SIGKILL');
  }
}

describe('writers elsewhere', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start();
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const options = { writers: 4, rate: 500, seed: 3, keepTable: 'never' } as const;

  test('go on while nobody reaches them, and their history is copied when somebody does again', async () => {
    const elsewhere = new Elsewhere();
    const historyDir = join(scratch, 'cut');
    await using ledger = await Ledger.start(cluster.target, { ...options, historyDir, place: elsewhere.place });
    await ledger.waitForAcks(200, { timeoutMs: 10_000 });
    elsewhere.partition();
    const cutAtMs = performance.now();
    await sleep(1500);
    // what is not known is no outage
    const blind = ledger.writeGap(cutAtMs - 500);
    expect(blind.endMs).toBeLessThan(cutAtMs + 200);
    expect(blind.lengthMs).toBeLessThan(400);
    const { acked } = ledger.progress;
    elsewhere.cut = false;
    await until('what was written meanwhile', async () => (ledger.progress.acked > acked + 500 ? true : undefined));
    await ledger.stop();
    expect(ledger.writeGap(cutAtMs, cutAtMs + 1500).lengthMs).toBeLessThan(400);

    const result = await ledger.verify({ final: cluster.final });
    expect(result.reasons).toEqual([]);
    expect(result).toMatchObject({ verdict: 'pass', counts: { failed: 0, unknown: 0 } });
    expect(result.counts.acknowledged).toBeGreaterThan(1000);
    const { run, verification } = verifyStored(historyDir);
    expect(run).toMatchObject({
      state: 'closed',
      cutBytes: 0,
      manifest: { clock: { shared: true, uncertaintyMs: 0 } },
    });
    expect(verification.counts).toEqual(result.counts);
  });

  test('that are lost leave what was copied, and that cannot pass', async () => {
    const elsewhere = new Elsewhere();
    await using ledger = await Ledger.start(cluster.target, { ...options, place: elsewhere.place });
    await ledger.waitForAcks(200, { timeoutMs: 10_000 });
    elsewhere.kill();
    await expect(ledger.waitForAcks(1e6, { timeoutMs: 20_000 })).rejects.toThrow('the process of the writers ended');
    const result = await ledger.verify({ final: cluster.final });
    expect(result).toMatchObject({ verdict: 'inconclusive', integrity: 'inconclusive' });
    expect(result.counts).toMatchObject({ lost: 0, unexpected: 0, phantomFail: 0 });
    expect(result.counts.acknowledged).toBeGreaterThanOrEqual(200);
  });
});
