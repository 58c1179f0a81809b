import type { Command } from 'commander';
import { SallyportError } from '../shared/errors.ts';
import type { FoundServer } from '../shared/views.ts';
import { collect } from './arguments.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { counted, shellWord, shown } from './output.ts';
import { readEnvironment } from './secret-input.ts';

/** `servers discover`, `servers import`, `servers adopt`. */
export function registerDiscoveryCommands(servers: Command, io: CliIo): void {
  servers
    .command('discover')
    .description('Find servers that other programs on this machine use; reads their settings and starts nothing')
    .option('--scan', 'also ask your programs that listen on loopback, one request each')
    .action(async (options: { scan?: boolean }) => {
      const answer = await ask(io, 'servers.discover', {});
      const scan = options.scan ? await ask(io, 'servers.scan', {}) : undefined;
      const found = [...answer.found, ...(scan?.found ?? [])];
      const document = { found, unreadable: answer.unreadable, ...(scan ? { scanned: scan.ports } : {}) };
      io.print(document, () =>
        [
          ...found.map(describe),
          ...(found.length === 0 ? ['Nothing found.'] : []),
          ...answer.unreadable.map(
            ({ source, file, why }) => `Not read: ${shown(file)} (${shown(source)}): ${shown(why)}.`,
          ),
          ...(scan ? [scan.problem ?? `${counted(scan.ports, 'port')} of this machine asked.`] : []),
        ].join('\n'),
      );
    });

  servers
    .command('import')
    .description('Take over a server that was found, exactly as it is shown. Nothing runs by this')
    .argument('<name>', 'its name as `servers discover` shows it')
    .option('--from <source>', 'whose entry, where several programs name one')
    .option('--as <name>', 'name it gets here')
    .option('--env <name[=v]>', 'value that its file does not hold; without a value you are asked for it', collect)
    .option('--env-file <file>', 'NAME=VALUE lines; - reads standard input')
    .action(async (name: string, options: { from?: string; as?: string; env?: string[]; envFile?: string }) => {
      const values = await readEnvironment(io, options);
      const found = await findOne(io, name, options.from);
      const added = await ask(io, 'servers.import', {
        source: found.source,
        file: found.file,
        found: found.name,
        digest: found.digest,
        ...(options.as === undefined ? {} : { name: options.as }),
        ...(Object.keys(values).length > 0 ? { values } : {}),
      });
      io.print(added, () =>
        [describe(found), `Added as ${added.slug}. Share it: sallyport servers share ${added.slug}`].join('\n'),
      );
    });

  servers
    .command('adopt')
    .description('Run what the file of an imported server says now')
    .argument('<name>')
    .option('--env <name[=v]>', 'value that its file does not hold; without a value you are asked for it', collect)
    .option('--env-file <file>', 'NAME=VALUE lines; - reads standard input')
    .action(async (name: string, options: { env?: string[]; envFile?: string }) => {
      const values = await readEnvironment(io, options);
      await ask(io, 'servers.discover', {});
      const { servers: known } = await ask(io, 'servers.list', {});
      const server = known.find((each) => each.name === name || each.slug === name);
      const now = server?.origin?.now;
      if (!now) {
        throw new SallyportError('nothing_changed', 'app', `The file of ${shown(name)} says nothing else.`, {
          hint: 'See sallyport servers list.',
        });
      }
      const input = { server: name, digest: now.digest, ...(Object.keys(values).length > 0 ? { values } : {}) };
      const adopted = await ask(io, 'servers.adopt', input);
      io.print(adopted, () => `${shown(adopted.name)} runs ${whatRuns(now)} from its next start.`);
    });
}

async function findOne(io: CliIo, name: string, from: string | undefined): Promise<FoundServer> {
  const { found } = await ask(io, 'servers.discover', {});
  const fitting = found.filter(
    (each) => each.name === name && (from === undefined || each.source === from || each.file === from),
  );
  const [first, second] = fitting;
  if (!first) {
    throw new SallyportError('found_stale', 'app', `No program on this machine names a server "${shown(name)}".`, {
      hint: 'See sallyport servers discover.',
    });
  }
  if (second) {
    throw new SallyportError('found_twice', 'app', `${fitting.length} entries are called "${shown(name)}".`, {
      hint: `Say which with --from: ${fitting.map((each) => shellWord(each.file)).join(', ')}.`,
    });
  }
  return first;
}

function describe(found: FoundServer): string {
  const values = [...found.env, ...(found.headers ?? [])];
  return [
    `${shown(found.name, 80)}  from ${shown(found.source)}${found.already ? '  (already here)' : ''}`,
    `  ${whatRuns(found)}`,
    ...(found.cwd === undefined ? [] : [`  in ${shown(found.cwd)}`]),
    ...(values.length > 0 ? [`  with ${values.map((each) => shown(each)).join(' ')}`] : []),
    ...(found.asks ? [`  asks for ${found.asks.map((each) => shown(each)).join(' ')}`] : []),
    ...(found.problem === undefined ? [] : [`  cannot be taken over: ${shown(found.problem)}`]),
    `  ${shown(found.file)}`,
  ].join('\n');
}

/** The whole command or URL, nothing cut. */
function whatRuns(target: Pick<FoundServer, 'command' | 'args' | 'url'>): string {
  if (target.command === undefined) return shown(target.url ?? '', 4_096);
  return [target.command, ...(target.args ?? [])].map((word) => shellWord(word)).join(' ');
}
