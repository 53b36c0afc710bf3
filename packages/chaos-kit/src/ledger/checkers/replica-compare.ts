import type { Digest, ExaminationObservation } from '../../observers/observation.ts';
import { amount, passed } from './checker.ts';
import type { RunChecker } from './checker.ts';

/**
 * Whether all instances hold the same rows at the same position of the WAL, and whether the index of each leads to the same
 * rows as a sequential scan of its table.
 */
export const replicaCompare: RunChecker = {
  name: 'replica-compare',
  about: 'integrity',
  needs: 'run',
  check({ observations }) {
    const examination = observations?.examinations.at(-1);
    if (examination === undefined) return { verdict: 'unknown', count: 0, looked: 'no instances', sentences: [] };
    const compared = examination.instances.flatMap((it) =>
      'problem' in it.comparison ? [] : [{ ...it, ...it.comparison }],
    );
    const looked = `${compared.length} of ${amount(examination.instances.length, 'instance')}`;
    const different: string[] = [];
    const primary = compared.find(({ recovering }) => recovering === false);
    for (const { name, sequential, index } of compared) {
      if (!('problem' in index)) different.push(...differences(`${name} by its index`, index, 'its table', sequential));
      if (primary !== undefined && name !== primary.name)
        different.push(...differences(name, sequential, primary.name, primary.sequential));
    }
    const notes = problemsOf(examination);
    if (different.length > 0) {
      const advice = 'look first at amcheck and checksums of the instance that differs, and do not let it be promoted';
      return { verdict: 'fail', count: different.length, looked, sentences: [...different.slice(0, MAX), advice] };
    }
    const behind = notes.filter(({ behind: late }) => late).map(({ sentence }) => sentence);
    if (behind.length > 0) return { verdict: 'inconclusive', count: behind.length, looked, sentences: behind };
    const sentences = notes.map(({ sentence }) => sentence);
    if (compared.length === 0) return { verdict: 'unknown', count: 0, looked, sentences };
    return { ...passed(looked), sentences };
  },
};

const MAX = 10;

function problemsOf({ instances }: ExaminationObservation): { behind: boolean; sentence: string }[] {
  return instances.flatMap(({ name, comparison }) => {
    if ('problem' in comparison) {
      const { problem } = comparison;
      return [{ behind: problem.startsWith('behind: '), sentence: `${name} could not be compared: ${problem}` }];
    }
    const { index } = comparison;
    return 'problem' in index
      ? [{ behind: false, sentence: `the index of ${name} could not be compared: ${index.problem}` }]
      : [];
  });
}

/** What two digests do not have in common, a sentence per writer. */
function differences(here: string, mine: Digest, there: string, theirs: Digest): string[] {
  const others = new Map(theirs.map((row) => [row[0], row]));
  const sentences: string[] = [];
  for (const [writer, rows, lowest, highest, hash] of mine) {
    const other = others.get(writer);
    others.delete(writer);
    if (other === undefined)
      sentences.push(`${here} has ${amount(rows, 'row')} of writer ${writer}, ${there} has none`);
    else if (rows !== other[1] || lowest !== other[2] || highest !== other[3]) {
      const [, count, low, high] = other;
      sentences.push(
        `${here} has ${amount(rows, 'row')} of writer ${writer} (${lowest} to ${highest}), ${there} has ${count} (${low} to ${high})`,
      );
    } else if (hash !== other[4]) {
      sentences.push(`${here} has other contents than ${there} in the ${amount(rows, 'row')} of writer ${writer}`);
    }
  }
  for (const [writer, rows] of others.values())
    sentences.push(`${here} has no row of writer ${writer}, ${there} has ${rows}`);
  return sentences;
}
