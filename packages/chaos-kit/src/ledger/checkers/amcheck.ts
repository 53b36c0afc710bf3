import { NO_SUPERUSER } from '../../observers/examination.ts';
import { amount, passed } from './checker.ts';
import type { RunChecker } from './checker.ts';

const MAX = 10;

/** Whether the indexes and the table of every instance are structurally sound, as amcheck sees it. */
export const amcheck: RunChecker = {
  name: 'amcheck',
  about: 'integrity',
  needs: 'run',
  check({ observations }) {
    const instances = observations?.examinations.at(-1)?.instances ?? [];
    let objects = 0;
    let looked = 0;
    const complaints: string[] = [];
    const notes: string[] = [];
    for (const { name, amcheck: it } of instances) {
      if ('problem' in it) {
        if (it.problem !== NO_SUPERUSER) notes.push(`${name} could not be looked at with amcheck: ${it.problem}`);
        continue;
      }
      looked++;
      objects += it.objects;
      complaints.push(...it.complaints.map((complaint) => `${name}: ${complaint}`));
    }
    const what = `${amount(objects, 'object')} on ${looked} of ${amount(instances.length, 'instance')}`;
    if (complaints.length > 0) {
      const head = amount(complaints.length, 'complaint of amcheck', 'complaints of amcheck');
      const sentences = [`${head}: ${complaints[0]}`, ...complaints.slice(1, MAX)];
      return { verdict: 'fail', count: complaints.length, looked: what, sentences };
    }
    if (looked === 0) return { verdict: 'unknown', count: 0, looked: what, sentences: notes };
    return { ...passed(what), sentences: notes };
  },
};
