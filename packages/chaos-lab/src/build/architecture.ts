/** An architecture that the lab runs on, in Go's and Debian's words, which agree for these two. */
export type Architecture = 'amd64' | 'arm64';

/** Go's word for a value of `process.arch`; `undefined` when the lab does not support it. */
export function architectureOf(nodeArch: string): Architecture | undefined {
  if (nodeArch === 'x64') return 'amd64';
  if (nodeArch === 'arm64') return 'arm64';
  return undefined;
}
