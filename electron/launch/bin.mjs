#!/usr/bin/env node
// The command `sallyport`. Parsed by whatever Node is there, so nothing newer than dynamic import is used here.
import { nodeIsNewEnough, whatToDo } from './guard.mjs';

if (nodeIsNewEnough) {
  // What fails in there reports itself; a fault of ours may well show its stack.
  void import('./command.mjs').then((command) => command.runCommand());
} else {
  import('./other-node.mjs')
    .then((other) => other.runWithOtherNode(whatToDo))
    .catch(() => {
      process.stderr.write(`${whatToDo}\n`);
      process.exit(1);
    });
}
