import { createHash } from 'node:crypto';

/** Environment variable that fixes the seed of a run. */
export const seedVariable = 'CNPG_CHAOS_SEED';

/** Thrown when the seed in the environment is no whole number. */
export class InvalidSeedError extends Error {
  override readonly name = 'InvalidSeedError';
  readonly code = 'INVALID_SEED';
}

/**
 * Seed of a run: `CNPG_CHAOS_SEED` when it is set, else the one of vitest's sequence.
 * @throws {InvalidSeedError} when the variable is not a whole number from 0 to 2^32 - 1.
 */
export function runSeed(sequenceSeed: number, env: NodeJS.ProcessEnv = process.env): number {
  const text = env[seedVariable];
  if (text === undefined || text === '') return sequenceSeed >>> 0;
  const seed = Number(text);
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff) {
    throw new InvalidSeedError(`${seedVariable}=${text} is no seed, a whole number from 0 to 4294967295 is`);
  }
  return seed;
}

/** Seed of one experiment: the same spec in the same run gets the same, another spec or repeat another one. 32 bits, unsigned. */
export function experimentSeed(seed: number, fullName: string, repeat: number): number {
  return createHash('sha256').update(`${seed}\0${fullName}\0${repeat}`).digest().readUInt32BE(0);
}
