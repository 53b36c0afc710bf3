import { beforeEach } from 'vitest';

// A terminal's Ctrl-C reaches the workers as well as the main process. The main one decides: it cancels the run, and this
// process then heals what is broken. Dying here would leave the fault in the cluster.
for (const signal of ['SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {});
}

// Resolves automatic fixtures, the cluster among them, within the time of a hook: what is resolved in the test itself is
// charged to the test's own timeout.
beforeEach(async () => {});
