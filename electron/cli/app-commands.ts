import { Argument, type Command } from 'commander';
import { parseDuration } from '../shared/duration.ts';
import { awayWords } from '../shared/presence-words.ts';
import type { StatusView } from '../shared/views.ts';
import { wholeNumber } from './arguments.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { counted, shown, table } from './output.ts';

const states: Readonly<Record<StatusView['state'], string>> = {
  'nothing-shared': 'Nothing shared: nobody can reach this machine',
  connecting: 'Connecting',
  sharing: 'Sharing',
  attention: 'An agent waits for your answer',
  paused: 'Paused: nothing gets through',
  trouble: 'Trouble',
};

/** `run`, `status`, `ui`, `pause`, `resume`, `away`, `back`, `presenting`. */
export function registerAppCommands(program: Command, io: CliIo): void {
  program
    .command('run')
    .description('Run Sallyport without Electron; the pages open in a browser')
    .option('--ui-port <n>', 'port of the pages on 127.0.0.1', wholeNumber(0, 65_535))
    .option('--no-open', 'do not open a browser; the command line may decide then')
    .action(async (options: { uiPort?: number; open: boolean }) => {
      const { runHeadless } = await import('../headless.ts');
      const dataDir = io.givenDataDir();
      io.status(
        await runHeadless({
          ...(dataDir === undefined ? {} : { dataDir }),
          ...(options.uiPort === undefined ? {} : { uiPort: options.uiPort }),
          open: options.open,
          json: io.json(),
          selfCommand: io.selfCommand,
          version: io.version,
        }),
      );
    });

  program
    .command('status')
    .description('How things stand')
    .action(async () => {
      const status = await ask(io, 'status.get', {});
      io.print(status, () => describeStatus(status));
    });

  program
    .command('ui')
    .description('Address of the pages, with this run’s key')
    .action(async () => {
      const address = await ask(io, 'ui.address', {});
      io.print(address, () => address.url);
    });

  program
    .command('pause')
    .description('Stop everything: nothing gets through until resume')
    .action(async () => {
      const paused = await ask(io, 'pause', {});
      io.print(paused, () => `Paused. ${counted(paused.endedStreams, 'open stream')} ended.`);
    });

  program
    .command('resume')
    .description('Let calls through again')
    .action(async () => {
      const resumed = await ask(io, 'resume', {});
      io.print(resumed, () => 'Calls get through again.');
    });

  program
    .command('away')
    .description('You go: what asks is told so at once and waits for you; reads go on')
    .option('--for <duration>', 'until when, at most 24h', parseDuration)
    .action(async (options: { for?: number }) => {
      const away = options.for === undefined ? {} : { forMs: options.for };
      const presence = await ask(io, 'presence.set', { away });
      io.print(presence, () => `Away${presence.away?.until ? ` until ${presence.away.until}` : ''}.`);
    });

  program
    .command('back')
    .description('You are back: says what happened meanwhile')
    .action(async () => {
      const presence = await ask(io, 'presence.set', { back: true });
      io.print(presence, () => (presence.summary ? awayWords(presence.summary) : 'Nothing happened meanwhile.'));
    });

  program
    .command('presenting')
    .description('Whether others see the screen: prompts show who and the verb, no values')
    .addArgument(new Argument('<on|off>').choices(['on', 'off']))
    .action(async (wanted: 'on' | 'off') => {
      const presence = await ask(io, 'presence.set', { presenting: wanted === 'on' });
      io.print(presence, () => (presence.presenting ? 'Prompts show no values.' : 'Prompts show everything again.'));
    });

  program.command('first-call', { hidden: true }).action(async () => {
    const { runFirstAgent } = await import('../core/servers/sample/first-agent.ts');
    await runFirstAgent();
  });

  program
    .command('sample-server', { hidden: true })
    .allowUnknownOption()
    .argument('[args...]')
    .action(async (args: string[]) => {
      const { runSampleServer } = await import('../core/servers/sample/sample-server.ts');
      await runSampleServer(args);
    });

  program
    .command('cloudflared-doorway', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      const { runDoorway } = await import('../core/tunnel/connectors/anthropic/cloudflared/doorway.ts');
      process.exit(await runDoorway(words));
    });
}

function describeStatus(status: StatusView): string {
  const lines = [
    `${unproven(status) ? 'Connected, not proven from outside' : states[status.state]} (since ${status.since})`,
    `${counted(status.servers, 'server')} shared, ${counted(status.pending, 'prompt')} waiting, way in: ${status.way}`,
  ];
  if (status.agentsPaused) lines.push(`${counted(status.agentsPaused, 'agent')} paused: see sallyport agents list`);
  if (status.lastCallAt) lines.push(`Last call ${status.lastCallAt}`);
  if (status.probe) {
    const { ok, at, ms, hop, detail } = status.probe;
    lines.push(
      ok
        ? `Probe at ${at}: answered in ${ms} ms`
        : `Probe at ${at}: failed at ${hop ?? 'unknown'}. ${shown(detail ?? '')}`,
    );
  }
  const road = status.road.map((station) => [station.ok ? 'ok' : '--', station.hop, station.detail ?? '']);
  return [...lines, '', table(road, 200)].join('\n');
}

/** A way whose public door does not open to us: never the plain word. */
function unproven(status: StatusView): boolean {
  return status.state === 'sharing' && (status.way === 'openai' || status.way === 'anthropic');
}
