// docs/scenarios.md from the scenario records.

/**
 * @param {readonly import('../packages/chaos-kit/src/scenario/scenario.ts').Scenario[]} scenarios
 */
export function scenarioPage(scenarios) {
  return `${[intro, summary(scenarios), ...scenarios.map(section)].join('\n\n')}\n`;
}

const intro = `<!-- Generated from packages/chaos-kit/src/scenario/catalogue by scripts/generate.mjs. -->

# Scenarios

Each scenario is a record in \`packages/chaos-kit/src/scenario/catalogue\` and a spec of the same name under \`suites/\`.
Run the ten with \`npx vitest run --project chaos --tags-filter=ten\`. A cluster that lacks what a scenario needs makes it
skip, with the reason.

A budget is the limit that is asserted. It is set from what is documented and from measured runs on the local lab (two
cores shared with other work, 500 to 1 000 writes a second), and is never scaled.`;

function summary(scenarios) {
  return table(
    ['scenario', 'profile', 'promotions', 'writes', 'writes back (median / worst of n)', 'known defects'],
    scenarios.map(({ id, profile, expects, budget, findings }) => [
      `[${id}](#${id})`,
      profile,
      String(expects.promotions),
      expects.writes,
      back(budget),
      findings.map(({ issue }) => link(issue)).join(', '),
    ]),
  );
}

function back({ recovery, afterHeal, writeGap }) {
  if (recovery !== undefined) return measured(recovery);
  if (afterHeal !== undefined) return `${measured(afterHeal)}, after healing`;
  return writeGap === undefined ? '' : `${measured(writeGap)}, write gap`;
}

function section({ id, title, hypothesis, profile, faults, needs, expects, budget, findings, docs }) {
  const names = {
    recovery: 'writes back',
    afterHeal: 'writes back after healing',
    writeGap: 'write gap',
    converged: 'healthy again',
  };
  const budgets = Object.entries(budget).map(([name, one]) => [names[name], one.limit, measured(one), one.documented]);
  return [
    `## ${id}`,
    `${title[0].toUpperCase()}${title.slice(1)}.`,
    hypothesis,
    [
      `- Profile: \`${profile}\``,
      `- Faults: ${faults.map(({ fixture, options }) => `\`${fixture}(${JSON.stringify(options)})\``).join(', then ')}`,
      `- Needs: ${needs.nodes} nodes; ${needs.engines.length > 1 ? 'engines' : 'engine'} ${needs.engines.join(', ')}`,
      `- Expected: ${expects.promotions} promotions, writes ${expects.writes}, because ${expects.because}`,
      ...findings.map(
        ({ issue, reason, measured: seen }) => `- Known defect ${link(issue)}: ${reason}. Measured: ${seen}`,
      ),
      `- See: ${docs.map(link).join(', ')}`,
    ].join('\n'),
    table(['budget', 'limit', 'measured (median / worst of n)', 'documented'], budgets),
  ].join('\n\n');
}

function measured({ measured: { runs, median, worst } }) {
  return `${median} s / ${worst} s of ${runs}`;
}

function link(reference) {
  if (reference.endsWith('/issues')) return `[not reported yet](${reference})`;
  const issue = /cloudnative-pg\/(?:issues|pull)\/(\d+)$/.exec(reference);
  return issue === null ? `CloudNativePG: ${reference}` : `[#${issue[1]}](${reference})`;
}

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
