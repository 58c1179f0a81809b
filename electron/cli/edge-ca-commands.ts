import { Argument, type Command } from 'commander';
import { systemClock } from '../core/state/system-clock.ts';
import {
  type EdgeRotationStep,
  lasting,
  notYetUnder,
  rotateEdgeAuthority,
  trustedBy,
} from '../core/tunnel/edge/edge-authorities.ts';
import { openEdgeFolder } from '../core/tunnel/edge/edge-folder.ts';
import { publicKeyPin } from '../core/tunnel/pki/fingerprint.ts';

const steps = ['begin', 'switch', 'finish', 'cancel'] as const satisfies readonly EdgeRotationStep[];

/** `edge ca`, `edge ca rotate`: the authority by which an edge is known, and the change of it. */
export function registerEdgeCaCommands(
  edge: Command,
  withConfig: (command: Command) => Command,
  print: (document: object, human: string) => void,
): void {
  const show = async (config: string, first?: string): Promise<void> => {
    const { authorities, store } = await openEdgeFolder(config);
    const pending = await notYetUnder(lasting(authorities).pin, store, systemClock);
    const document = {
      active: authorities.active.pin,
      ...(authorities.next ? { next: authorities.next.pin } : {}),
      ...(authorities.old ? { old: publicKeyPin(authorities.old) } : {}),
      pending,
      pem: trustedBy(authorities).join(''),
    };
    const roles = (['active', 'next', 'old'] as const).flatMap((role) =>
      document[role] === undefined ? [] : [`${role.padEnd(7)} ${document[role]}`],
    );
    const changing = authorities.next !== undefined || authorities.old !== undefined;
    const waiting = changing && pending.length > 0 ? [`waiting ${pending.map(({ name }) => name).join(', ')}`] : [];
    print(document, [...(first === undefined ? [] : [first]), ...roles, ...waiting].join('\n'));
  };

  const ca = withConfig(edge.command('ca').description('The edge’s own authority: pins, and who is not yet under it'));
  ca.action(async (options: { config: string }) => show(options.config));

  withConfig(ca.command('rotate').description('Change it; a running edge takes each step up at SIGHUP'))
    .addArgument(new Argument('<step>').choices([...steps]))
    .option('--anyway', 'go on although some have no certificate of the next authority: they must join again')
    .action(async (step: EdgeRotationStep, options: { config: string; anyway?: boolean }, command: Command) => {
      // An option of the same name belongs to `ca` as well, which takes what stands before the step.
      const config: string = command.optsWithGlobals().config;
      const { directory, store, config: settings } = await openEdgeFolder(config);
      await rotateEdgeAuthority({
        folder: directory,
        name: settings.name,
        store,
        clock: systemClock,
        step,
        anyway: options.anyway ?? false,
      });
      await show(config, `${words[step]} Have a running edge take it up: kill -HUP, or systemctl reload.`);
    });
}

const words: Record<EdgeRotationStep, string> = {
  begin: 'The next authority is made.',
  switch: 'The next authority is shown from now on; certificates of both are let in.',
  finish: 'The old authority is let go of.',
  cancel: 'The next authority is taken back.',
};
