import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type IsolationSupport, isolate } from '../servers/stdio/isolation.ts';
import type { Containment, ProgramStart } from '../tunnel/connectors/anthropic/cloudflared/containment.ts';

/** The trusted certificates of this machine: what cloudflared checks the edge by, beside its own. */
const trusted = ['/etc/ssl', '/etc/ca-certificates', '/etc/pki'];
const trialMs = 15_000;

/**
 * How cloudflared is contained: in the same walls as servers that people isolate. Whether that works here is found out by
 * doing it once.
 * @param support what is known of bubblewrap on this machine
 * @param doorway command line of `runDoorway`
 */
export function createContainment(
  support: () => Promise<IsolationSupport>,
  doorway: readonly string[],
): () => Promise<Containment> {
  let known: Promise<Containment> | undefined;
  const find = async (): Promise<Containment> => {
    const found = await support();
    if (!found.ok) return { ok: false, why: found.why.replace(/\.$/, '') };
    const confine = async (start: ProgramStart, writable: readonly string[]): Promise<ProgramStart> => {
      const read = trusted.filter((folder) => existsSync(folder));
      // Electron's binary needs what lies beside it.
      if (process.versions.electron) read.push(dirname(process.execPath));
      const child = {
        name: 'cloudflared',
        command: start.command,
        args: start.args,
        cwd: start.cwd,
        environment: { variables: { PATH: start.env.PATH ?? '' }, secret: new Map(Object.entries(start.env)) },
      };
      const isolation = { read, write: writable, network: false, environmentOnly: false };
      const { command, args, environment, cwd } = await isolate(child, isolation, found, []);
      return { command, args, env: environment.variables, cwd };
    };
    const [command = '', ...args] = doorway;
    const trial = await confine({ command, args: [...args, '[]'], env: {}, cwd: '/' }, []);
    const failed = await new Promise<string | undefined>((done) => {
      const { env } = trial;
      execFile(trial.command, [...trial.args], { cwd: '/', env, timeout: trialMs }, (error, _stdout, stderr) => {
        done(error ? (stderr.trim().split('\n')[0] ?? error.message) : undefined);
      });
    });
    if (failed === undefined) return { ok: true, doorway, confine };
    return { ok: false, why: `what hands its connections through does not start without a network (${failed})` };
  };
  return () => {
    known ??= find();
    return known;
  };
}
