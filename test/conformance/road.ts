import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AppProcess, startApp } from '../app-process.ts';
import { openTokenShim } from './token-shim.ts';

/** The whole road in front of a server: shim, edge, tunnel, inner TLS, token, policy that allows, log. */
export interface Road {
  /** Where a client without a token enters. */
  readonly url: string;
  readonly app: AppProcess;
  close(): Promise<void>;
}

const features = ['resources', 'prompts', 'elicitation', 'sampling', 'roots'] as const;
const everything =
  'version: 1\nrules:\n  - id: suite\n    when:\n      server: everything\n      labels: [private, untrusted, secret]\n    then: allow\n';

/** Opens it. @param target arguments of `servers add` */
export async function openRoad(...target: string[]): Promise<Road> {
  const app = await startApp();
  try {
    await app.cli('servers', 'add', 'everything', ...target);
    const shared = await app.cli<{ url: string; tools: { name: string }[] }>('servers', 'share', 'everything');
    await app.cli('servers', 'features', 'everything', ...features.flatMap((feature) => [`--${feature}`, 'on']));
    for (const { name } of shared.tools) await app.cli('tools', 'set', 'everything', name, 'allow');
    const file = join(app.dataDir, 'suite-rules.yaml');
    await writeFile(file, everything);
    await app.cli('policy', 'set', file);
    const { token } = await app.cli<{ token: string }>('agents', 'token', '--server', 'everything', '--name', 'Suite');
    const { pem } = await app.cli<{ pem: string }>('tunnel', 'ca');
    const shim = await openTokenShim(shared.url, token, pem);
    return {
      url: shim.url,
      app,
      close: async () => {
        await shim.close();
        await app.dispose();
      },
    };
  } catch (error) {
    await app.dispose();
    throw error;
  }
}
