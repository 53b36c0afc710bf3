// The process of the writers of one run, which is told what to do by messages.
//   main                 over standard input and output; it ends with them
//   main serve <dir>     over a socket in a directory, where one after the other may attach; it stays when they go
//   main attach <dir>    joins standard input and output to that socket
import { attach, serve } from './socket-host.ts';
import { talkOverStdio } from './stdio-host.ts';

const [mode, dir = ''] = process.argv.slice(2);
if (mode === 'serve') serve(dir);
else if (mode === 'attach') attach(dir);
else talkOverStdio();
