import { runSampleServer } from './core/servers/sample/sample-server.ts';

// Entry of the server behind "Try it": the one argument is the notebook's folder.
await runSampleServer(process.argv.slice(2));
