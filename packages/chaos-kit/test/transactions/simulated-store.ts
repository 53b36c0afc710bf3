import { AppendHistory } from '../../src/ledger/transactions/list-append/append-history.ts';
import type { AppendOp, ListRead } from '../../src/ledger/transactions/list-append/append-history.ts';
import type { IsolationLevel } from '../../src/ledger/transactions/isolation.ts';
import { randomOf } from '../../src/ledger/transactions/random.ts';

/** What a simulated run looks like. */
export interface SimulationOptions {
  readonly level: IsolationLevel;
  readonly transactions: number;
  readonly seed: number;
  readonly processes?: number;
  /** Keys in use at a time; a key is replaced after `writesPerKey` appends. */
  readonly keys?: number;
  readonly writesPerKey?: number;
  /** Share of commits whose outcome the client does not learn; half of them did not happen. */
  readonly unknown?: number;
}

interface Key {
  readonly list: number[];
  /** Commit times, and the length of the list after each. */
  readonly commits: number[];
  readonly lengths: number[];
  lockedBy: Running | undefined;
  handedOut: number;
}

interface Running {
  readonly txn: number;
  readonly ops: readonly AppendOp[];
  /** For each read the length of the committed list, and own appends before it. */
  readonly reads: { readonly key: number; readonly length: number; readonly own: readonly number[] }[];
  readonly own: Map<number, number[]>;
  readonly snapshot: number;
  at: number;
  waited: number;
}

/**
 * The history of a store that keeps its isolation level, as clients would see it: read committed with row locks, snapshot
 * isolation (repeatable read of PostgreSQL), or serializable by validating reads at the commit.
 */
export function simulate(options: SimulationOptions): AppendHistory {
  const { level, transactions, seed, processes = 10, keys: active = 10, writesPerKey = 64, unknown = 0.01 } = options;
  const random = randomOf(seed);
  const history = new AppendHistory();
  const store: Key[] = [];
  const window = Array.from({ length: active }, (_, i) => i);
  const keyOf = (key: number): Key =>
    (store[key] ??= { list: [], commits: [], lengths: [], lockedBy: undefined, handedOut: 0 });
  let clock = 0;
  const processIds = Array.from({ length: processes }, (_, i) => i);
  const running: (Running | undefined)[] = Array.from({ length: processes }, () => undefined);

  const plan = (): AppendOp[] =>
    Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
      const slot = Math.floor(random() * active);
      const number = window[slot] ?? 0;
      if (random() < 0.5) return ['read', number];
      const value = ++keyOf(number).handedOut;
      if (value === writesPerKey) window[slot] = Math.max(...window) + 1;
      return ['append', number, value];
    });
  const lengthAt = (key: Key, time: number): number => {
    let i = key.commits.length - 1;
    while (i >= 0 && (key.commits[i] ?? 0) > time) i--;
    return key.lengths[i] ?? 0;
  };
  const release = (it: Running): void => {
    for (const key of it.own.keys()) keyOf(key).lockedBy = undefined;
  };
  const readsOf = (it: Running): ListRead[] =>
    it.reads.map(({ key, length, own }) => {
      const from = Math.min(length, history.key(key)?.order.length ?? 0);
      return { from, tail: [...keyOf(key).list.slice(from, length), ...own] };
    });
  const commit = (it: Running): void => {
    clock++;
    for (const [number, values] of it.own) {
      const key = keyOf(number);
      key.list.push(...values);
      key.commits.push(clock);
      key.lengths.push(key.list.length);
    }
  };
  const valid = (it: Running): boolean =>
    level !== 'serializable' || it.reads.every(({ key, length }) => length === keyOf(key).list.length);

  /** Returns whether the transaction is over. */
  const step = (it: Running, process: number): boolean => {
    const op = it.ops[it.at];
    if (op === undefined) {
      if (!valid(it)) {
        history.complete(it.txn, 'fail');
      } else if (random() < unknown) {
        if (random() < 0.5) commit(it);
        history.complete(it.txn, 'info');
        processIds[process] = (processIds[process] ?? 0) + processes;
      } else {
        commit(it);
        history.complete(it.txn, 'ok', readsOf(it));
      }
      release(it);
      return true;
    }
    const key = keyOf(op[1]);
    if (op[0] === 'read') {
      const length = level === 'read committed' ? key.list.length : lengthAt(key, it.snapshot);
      it.reads.push({ key: op[1], length, own: [...(it.own.get(op[1]) ?? [])] });
    } else {
      const blocked = key.lockedBy !== undefined && key.lockedBy !== it;
      if (blocked && it.waited++ < 20) return false;
      const changed = level !== 'read committed' && (key.commits.at(-1) ?? 0) > it.snapshot;
      if (blocked || changed) {
        history.complete(it.txn, 'fail');
        release(it);
        return true;
      }
      key.lockedBy = it;
      const own = it.own.get(op[1]);
      if (own === undefined) it.own.set(op[1], [op[2]]);
      else own.push(op[2]);
    }
    it.at++;
    return false;
  };

  for (;;) {
    const process = Math.floor(random() * processes);
    const it = running[process];
    if (it !== undefined) {
      if (step(it, process)) running[process] = undefined;
    } else if (history.length < transactions) {
      const ops = plan();
      const txn = history.begin(processIds[process] ?? 0, ops);
      running[process] = { txn, ops, reads: [], own: new Map(), snapshot: clock, at: 0, waited: 0 };
    } else if (running.every((other) => other === undefined)) break;
  }
  const all = history.keys.map(({ key }) => key);
  const txn = history.begin(
    -1,
    all.map((key) => ['read', key]),
  );
  history.final = txn;
  history.complete(
    txn,
    'ok',
    all.map((key) => wholeRead(history, key, keyOf(key).list)),
  );
  return history;
}

function wholeRead(history: AppendHistory, key: number, list: readonly number[]): ListRead {
  const from = Math.min(list.length, history.key(key)?.order.length ?? 0);
  return { from, tail: list.slice(from) };
}
