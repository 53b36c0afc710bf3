import { beforeEach } from 'vitest';
import { anySessionOpen } from './open-sessions.ts';

// A terminal's Ctrl-C reaches the workers as well as the main process. The main one decides: it cancels the run, and this
// process then heals what is broken. Dying here would leave the fault in the cluster.
for (const signal of ['SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {});
}

// Ends a worker when its work is done, and comes to all processes at once from tools like `timeout`. Only then there may
// be something to heal.
process.on('SIGTERM', () => {
  if (!anySessionOpen()) process.exit(143);
});

// Resolves automatic fixtures, the cluster among them, within the time of a hook: what is resolved in the test itself is
// charged to the test's own timeout.
beforeEach(async () => {});
