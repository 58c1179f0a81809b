// Runs before every script and in the `bin`, also under a Node that is far too old: only syntax and modules that every
// Node with ES modules knows, and no import.
var wanted = [22, 13];
var found = process.versions.node.split('.').map(Number);

/** Whether this Node can run Sallyport: node:sqlite needs no flag from 22.13 on. */
export var nodeIsNewEnough = found[0] > wanted[0] || (found[0] === wanted[0] && found[1] >= wanted[1]);

/** What to do if it cannot. */
export var whatToDo =
  'Sallyport needs Node ' +
  wanted.join('.') +
  ' or newer; this is ' +
  process.versions.node +
  ' (' +
  process.execPath +
  ').\n' +
  (process.platform === 'linux' || process.platform === 'win32'
    ? 'In a checkout, `npm ci` brings a fitting Node along (leave optional packages switched on), which npm scripts then use.\nElsewhere install Node 24: https://nodejs.org/en/download'
    : 'Install Node 24: https://nodejs.org/en/download');

// Run as a script (not imported by bin.mjs): say it and stop.
if (!nodeIsNewEnough && /guard\.mjs$/.test(process.argv[1] || '')) {
  process.stderr.write(`${whatToDo}\n`);
  process.exit(1);
}
