// docs/mutations.md from the catalogue of mutations and what `npm run mutations` has measured.
import { readFile } from 'node:fs/promises';
import { MUTATIONS } from '../packages/chaos-kit/test/mutations/catalogue.ts';

const root = new URL('..', import.meta.url);

/** What `npm run mutations` has measured. */
export async function mutationData() {
  return JSON.parse(await readFile(new URL('docs/mutations.json', root), 'utf8'));
}

/**
 * The Markdown of docs/mutations.md.
 *
 * @param {{ entries: Record<string, Measured>, kubernetes?: Record<string, Measured>, clean?: Clean }} data
 * @typedef {{ runs: number, detected: number, said: Record<string, [number, number]>, measuredAt: string }} Measured
 * @typedef {{ runs: number, alarms: number, acknowledged: number, unknown: number, transactions: number, minutes: number, measuredAt: string }} Clean
 */
export function mutationTable({ entries, kubernetes = {}, clean }) {
  const rate = (measured) => (measured === undefined ? '–' : `${measured.detected} of ${measured.runs}`);
  const rows = Object.entries(MUTATIONS).map(([id, { broken, must, where, why, verdict, found, reason }]) => {
    if (where === 'none') return `| ${id} | ${cell(broken)} | ${cell(must)} | – | not built: ${cell(why)} | – |`;
    const { said } = entries[id] ?? kubernetes[id] ?? { said: {} };
    const by = found.map((name) => `\`${name}\`${range(said[name])}`);
    const who = by.length > 0 ? by.join(', ') : reason === undefined ? '' : 'the reason of the verdict';
    return `| ${id} | ${cell(broken)} | ${cell(must)} | ${verdict}${who === '' ? '' : `: ${who}`} | ${rate(entries[id])} | ${rate(kubernetes[id])} |`;
  });
  const green =
    clean === undefined
      ? 'Not measured.'
      : `Measured ${clean.measuredAt}: ${clean.runs} failovers of a correct cluster on plain PostgreSQL, with ${clean.acknowledged} acknowledged writes,
${clean.unknown} of unknown outcome, and ${clean.transactions} acknowledged transactions, in ${clean.minutes} minutes: ${clean.alarms} false alarms.${
          clean.alarms > 0 ? '' : ` So the rate of false alarms is at most 3/${clean.runs} (95 %).`
        }`;
  return `# The tester is tested

Each entry breaks the system under test (M) or the tester (H) on purpose. Its spec demands the exact verdict, who finds it with
which numbers, and that no other checker fails; one that stays green fails. A rate is what was measured, and k of k found means that at
most 3/k are missed (95 %).

\`npm test\` runs each once on plain PostgreSQL. \`npm run mutations\` runs each three times and writes this page;
\`npm run mutations -- chaos\` does so for those on Kubernetes. Generated from packages/chaos-kit/test/mutations/catalogue.ts and
docs/mutations.json.

| entry | broken | must produce | verdict: found by (count) | plain PostgreSQL | Kubernetes |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

## The other side

What is right must not be called wrong. \`npm run mutations -- clean\`: the primary is killed under load, its synchronous standby takes over,
a new standby joins, again and again; each time a ledger with its observers, a bank and list-append transactions must pass.

${green}
`;
}

/** The range of what a checker counted. */
function range(counts) {
  if (counts === undefined) return '';
  const [low, high] = counts;
  return low === high ? ` (${low})` : ` (${low} to ${high})`;
}

function cell(text) {
  return text.replaceAll('|', String.raw`\|`);
}
