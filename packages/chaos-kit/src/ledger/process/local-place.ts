import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Channel } from './channel.ts';
import type { WriterPlace } from './link.ts';
import { parseFromWriters } from './messages.ts';
import type { FromWriters, ToWriters } from './messages.ts';

/** Time for ending in order, in ms; then it is killed. */
const END_WITHIN_MS = 5000;
const MAX_STDERR = 4000;

/** A process on this machine. It ends when this one does, since its standard input ends then. */
export const localPlace: WriterPlace = {
  async open({ historyDir, signal }, { onMessage, onEnd }) {
    signal.throwIfAborted();
    // the sources need the condition by which the packages of the workspace find each other; what is built does not
    const source = import.meta.url.endsWith('.ts');
    const program = fileURLToPath(new URL(source ? './main.ts' : './main.js', import.meta.url));
    const child = spawn(process.execPath, [...(source ? ['--conditions=@cnpg-chaos/source'] : []), program], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // nothing else of the runner's environment: it may not change how connections are made
      env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] },
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = `${stderr}${text}`.slice(-MAX_STDERR)));
    const ended = new Promise<void>((resolve) => {
      const end = (why: string): void => {
        onEnd(stderr.trim() === '' ? why : `${why}: ${stderr.trim()}`);
        resolve();
      };
      child.once('error', (error) => end(error.message));
      child.once('close', (code, killed) => end(killed === null ? `exit code ${code}` : `signal ${killed}`));
    });
    const channel = new Channel<FromWriters, ToWriters>(
      { input: child.stdout, output: child.stdin },
      { parse: parseFromWriters, onMessage, onEnd: (why) => why !== undefined && child.kill('SIGTERM') },
    );
    return {
      historyDir,
      sharesDisk: true,
      send: (message) => channel.send(message),
      async end() {
        child.stdin.end();
        const timer = setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS);
        await ended;
        clearTimeout(timer);
      },
    };
  },
};
