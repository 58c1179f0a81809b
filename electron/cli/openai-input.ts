import type { RequestInput } from '../shared/contract.ts';
import { SallyportError } from '../shared/errors.ts';
import { usageError } from './failures.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { looksLikeSecret, promptSecret, readSource } from './secret-input.ts';

/** Options of `tunnel use openai`. */
export interface OpenAiOptions {
  readonly tunnel?: string;
  readonly keyFile?: string;
  readonly main?: string;
  readonly access?: 'oauth' | 'tunnel';
  readonly organization?: string;
  readonly baseUrl?: string;
}

/** Where things are that only a person can make; printed before the first question. */
const checklist = [
  'What you need from OpenAI:',
  '  1. a tunnel:       https://platform.openai.com/settings/organization/tunnels  (its id: tunnel_…)',
  '  2. a runtime key:  https://platform.openai.com/settings/organization/api-keys  (may use that tunnel; no admin key)',
  '  3. afterwards, a connector on that tunnel:  https://chatgpt.com/#settings/Connectors',
  'OpenAI’s service reads everything that passes this way: arguments, results, tokens.',
  '',
].join('\n');

/**
 * What `tunnel use openai` was given, asked for where it is missing. The key comes from a prompt, a file or standard input,
 * never from an argument. `CONTROL_PLANE_BASE_URL` and `CONTROL_PLANE_TUNNEL_ID` stand in for options, as they do for
 * OpenAI's own client.
 * @throws SallyportError `secret_in_arguments`, `usage`, `file_unreadable`
 */
export async function readOpenAiChoice(
  io: CliIo,
  more: readonly string[],
  options: OpenAiOptions,
): Promise<NonNullable<RequestInput<'tunnel.use'>['openai']>> {
  if (more.some((word) => looksLikeSecret('', word))) {
    throw new SallyportError(
      'secret_in_arguments',
      'app',
      'The runtime key is a secret, and arguments can be read by every program.',
      { hint: 'Leave it out to be asked for it, or use --key-file FILE, or --key-file - for standard input.' },
    );
  }
  if (more.length > 0) throw usageError('Nothing more belongs after "openai".', 'See sallyport tunnel use --help.');
  const given = options.tunnel ?? process.env.CONTROL_PLANE_TUNNEL_ID;
  const baseUrl = options.baseUrl ?? process.env.CONTROL_PLANE_BASE_URL;
  const known = (await ask(io, 'tunnel.status', {})).openai?.tunnelId;
  const needsKey = options.keyFile === undefined && (known === undefined || (given !== undefined && given !== known));
  if (given === undefined && known === undefined) {
    throw usageError('Name the tunnel: --tunnel tunnel_…', checklist.trimEnd());
  }
  let key: string | undefined;
  if (options.keyFile !== undefined) key = (await readSource(io, options.keyFile)).trim();
  else if (needsKey) {
    if (io.stdin.isTTY) io.stderr(checklist);
    key = (await promptSecret(io, 'Runtime key', '--key-file FILE, or --key-file - for standard input')).trim();
  }
  if (key === '') throw usageError('The runtime key is empty.', checklist.trimEnd());
  const { main, access, organization } = options;
  return {
    ...(given === undefined ? {} : { tunnelId: given }),
    ...(key === undefined ? {} : { key }),
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(main === undefined ? {} : { main }),
    ...(access === undefined ? {} : { access }),
    ...(organization === undefined ? {} : { organization }),
  };
}
