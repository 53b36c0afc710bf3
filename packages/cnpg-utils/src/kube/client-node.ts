import { createRequire } from 'node:module';

/** What `@kubernetes/client-node` exports. */
export type ClientNode = typeof import('@kubernetes/client-node');

let loaded: ClientNode | undefined;

/**
 * `@kubernetes/client-node`, loaded when it is first needed: it costs a third of a second and 80 MB, which whoever only
 * parses a WAL position or builds a manifest should not pay. Not awaited, so that making a client need not be either.
 */
export function clientNode(): ClientNode {
  loaded ??= createRequire(import.meta.url)('@kubernetes/client-node') as ClientNode;
  return loaded;
}
