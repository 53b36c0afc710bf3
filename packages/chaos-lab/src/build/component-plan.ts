import type { Architecture } from './architecture.ts';
import { componentKey } from './component-build.ts';
import { ComponentFileError, componentsDir, inputsOf, readComponent, type Component } from './component-file.ts';

/** A component with its key and the names of the components that it is made of. */
export interface PlannedComponent {
  component: Component;
  key: string;
  inputs: string[];
}

/**
 * Reads the components and all that they are made of; inputs come before what is made of them.
 * @throws ComponentFileError for a file that is missing or wrong, or a circle
 */
export async function planComponents(
  names: readonly string[],
  architecture: Architecture,
  root: string = componentsDir,
): Promise<PlannedComponent[]> {
  const planned = new Map<string, PlannedComponent>();
  const visit = async (name: string, above: readonly string[]): Promise<PlannedComponent> => {
    const known = planned.get(name);
    if (known) return known;
    if (above.includes(name))
      throw new ComponentFileError(`components are made of each other: ${[...above, name].join(' → ')}`);
    const component = await readComponent(name, root);
    const inputs = inputsOf(component);
    const inputKeys: Record<string, string> = {};
    for (const input of inputs) inputKeys[input] = (await visit(input, [...above, name])).key;
    const plan = { component, key: await componentKey(component, architecture, inputKeys), inputs };
    planned.set(name, plan);
    return plan;
  };
  for (const name of names) await visit(name, []);
  return [...planned.values()];
}
