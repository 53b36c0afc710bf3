/** Oldest Node.js that runs the chaos project: testcontainers 12 and undici 8 need it, and vitest 5 fails in odd ways below. */
export const minimumNode = '22.22.0';

/** Thrown when the process runs on a Node.js that is too old. */
export class UnsupportedNodeError extends Error {
  override readonly name = 'UnsupportedNodeError';
  readonly code = 'UNSUPPORTED_NODE';
}

/**
 * Refuses a Node.js that is too old.
 * @param version The running one, without `v`. @default process.versions.node
 * @throws {UnsupportedNodeError} when it is older than {@link minimumNode}.
 */
export function assertNodeVersion(version: string = process.versions.node): void {
  if (compareVersions(version, minimumNode) >= 0) return;
  throw new UnsupportedNodeError(
    `Node.js ${version} runs this, ${minimumNode} or newer is needed. ` +
      'Start it with `npx vitest …` or an npm script: both use the Node.js that the repository installs. ' +
      'node_modules/.bin/vitest by itself takes the one of your shell.',
  );
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
