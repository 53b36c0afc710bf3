import { LabError } from './errors.ts';

/** The name of the lab that everything uses unless told otherwise. */
export const defaultLabName = 'cnpg-chaos';

/** Returns the name, or throws {@link LabError} `INVALID_NAME`: it becomes part of container and folder names. */
export function checkLabName(name: string): string {
  if (!/^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$/.test(name)) {
    throw new LabError(
      'INVALID_NAME',
      `lab name '${name}' is not valid: 1 to 30 of a-z, 0-9 and '-', beginning and ending with a letter or digit (default '${defaultLabName}')`,
    );
  }
  return name;
}
