import type { Command } from 'commander';
import type { CertificateView } from '../shared/views.ts';
import { usageError } from './failures.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { shown } from './output.ts';

/** Options of `tunnel certificate use`. */
interface CertificateOptions {
  readonly directory?: string;
  readonly email?: string;
  readonly agreeTerms?: boolean;
}

/** `tunnel certificate …`: who signs what agents meet. */
export function registerCertificateCommands(tunnel: Command, io: CliIo): void {
  const certificate = tunnel
    .command('certificate')
    .description('The certificate that agents meet')
    .action(async () => show(io, await ask(io, 'tunnel.certificate', {})));

  certificate
    .command('use')
    .description('Choose who signs it: this installation, or a public authority by ACME')
    .argument('<who>', 'own or public')
    .option('--directory <url>', 'ACME directory of the authority, if it is not Let’s Encrypt')
    .option('--email <address>', 'where the authority may write to')
    .option('--agree-terms', 'you read the authority’s terms and agree')
    .action(async (who: string, options: CertificateOptions) => {
      const { directory, email, agreeTerms } = options;
      if (who === 'own') {
        if (Object.keys(options).length > 0) throw usageError('The options belong to "public".');
        show(io, await ask(io, 'tunnel.certificateUse', { kind: 'own' }));
        return;
      }
      if (who !== 'public') throw usageError('Choose own or public.');
      const choice = {
        ...(directory === undefined ? {} : { directory }),
        ...(email === undefined ? {} : { email }),
        ...(agreeTerms === undefined ? {} : { agreeTerms }),
      };
      show(io, await ask(io, 'tunnel.certificateUse', { kind: 'public', ...choice }));
    });
}

/** What each finding on CAA records means. */
const caaWords: Record<NonNullable<CertificateView['caa']>['state'], string> = {
  bound: 'CAA: only this account can get a certificate for the name.',
  open: 'CAA: other accounts of this authority could get a certificate for the name.',
  none: 'CAA: no record, so that any authority could issue a certificate for the name.',
  forbidden: 'CAA: the records forbid this authority; the next renewal will fail.',
  unknown: 'CAA: DNS did not answer.',
};

function show(io: CliIo, view: CertificateView): void {
  io.print(view, () =>
    [
      `${view.kind === 'public' ? 'Public certificate' : 'Certificate of this installation’s own authority'} for ${shown(view.domain)}, until ${view.notAfter}`,
      `Fingerprint ${view.fingerprint}`,
      ...(view.directory === undefined ? [] : [`Ordered at ${shown(view.directory)}`]),
      ...(view.renewAt === undefined ? [] : [`Renewed at ${view.renewAt}`]),
      ...(view.lastError === undefined ? [] : [`The newest try failed: ${shown(view.lastError)}`]),
      ...(view.caa
        ? [
            caaWords[view.caa.state],
            ...(view.caa.record !== undefined && view.caa.state !== 'bound' ? [`Set: ${shown(view.caa.record)}`] : []),
          ]
        : []),
    ].join('\n'),
  );
}
