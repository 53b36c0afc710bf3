export { cacheDir } from './cache-dir.ts';
export { imageNames, type BuildOptions, type BuiltImage, type BuiltLab, type ImageName } from './types.ts';
export { buildComponents, buildOperandImage } from './build.ts';
export { prune, type PruneOptions, type PruneResult } from './prune.ts';
