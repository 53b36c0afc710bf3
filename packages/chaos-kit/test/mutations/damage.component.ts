import { describe, expect } from 'vitest';
import { PostgresCluster } from '../component/postgres-cluster.ts';
import { mutation } from './mutation.ts';
import { SOON, startLedger } from './scenes.ts';

describe('mutations: rows that are changed behind the back of the ledger', () => {
  mutation('M14', async (seed) => {
    await using cluster = await PostgresCluster.start();
    await using ledger = await startLedger(cluster.observed, seed);
    await ledger.stop();
    const { table } = ledger.options;
    await cluster.primary.sql(
      `delete from ${table} where writer = 0 and seq > (select max(seq) - 3 from ${table} where writer = 0);
       delete from ${table} where writer = 1 and seq = 10;
       insert into ${table} (writer, seq, epoch, payload) values (0, 1000000, 0, 'x');
       update ${table} set payload = 'x' where writer = 2 and seq = 5;
       insert into ${table} (writer, seq, epoch, payload) select writer, seq, epoch, payload from ${table} where writer = 3 and seq < 3`,
    );
    const result = await ledger.verify({ final: cluster.final });
    expect(result.counts).toMatchObject({ lost: 4, unexpected: 1, corrupted: 1, duplicated: 3, phantomFail: 0 });
    expect(result.checks.find(({ checker }) => checker === 'hole')?.count).toBe(1);
    return result;
  });

  mutation('M15', async (seed) => {
    await using cluster = await PostgresCluster.start();
    await using ledger = await startLedger(cluster.observed, seed);
    const { table } = ledger.options;
    const ready = (is: boolean) =>
      cluster.primary.sql(`update pg_index set indisready = ${is} where indrelid = '${table}'::regclass`);
    await ready(false);
    await ledger.waitForAcks(50, SOON);
    await ready(true);
    const result = await ledger.verify({ final: cluster.final });
    // the table itself has every row
    expect(result.counts).toMatchObject({ lost: 0, unexpected: 0, corrupted: 0, duplicated: 0 });
    const { sentences = [] } = result.checks.find(({ checker }) => checker === 'replica-compare') ?? {};
    expect(sentences[0]).toMatch(/p by its index has \d+ rows of writer \d .*, its table has \d+/);
    return result;
  });
});
