import type { Clock } from '../../shared/clock.ts';
import type { AgentView } from '../../shared/views.ts';
import type { Approvals } from '../approvals/approvals.ts';
import { makeBackup } from '../backup/make-backup.ts';
import type { Handlers } from '../fronts/dispatcher.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';

/** Backing up, and making every key anew. */
export function createUpkeepHandlers(deps: {
  readonly clock: Clock;
  readonly version: string;
  readonly dataDir: string;
  readonly secrets: Secrets;
  readonly tunnel: Tunnel;
  readonly approvals: Approvals;
  readonly log: RequestLog;
  readonly agents: () => readonly AgentView[];
  /** Ends every grant and token. */
  readonly revokeAll: () => void;
  /** Ends what agents have under way. */
  readonly stopCalls: () => Promise<number>;
}): Pick<Handlers, 'app.backup' | 'app.resetKeys'> {
  const { tunnel, approvals, log } = deps;

  const newAuthority = async (): Promise<void> => {
    const roles = new Set(tunnel.authority().authorities?.map(({ role }) => role));
    // A change that is under way is settled first.
    if (roles.has('old')) await tunnel.rotateAuthority('finish');
    if (roles.has('next')) await tunnel.rotateAuthority('cancel');
    for (const step of ['begin', 'switch', 'finish'] as const) await tunnel.rotateAuthority(step);
  };

  return {
    'app.backup': async ({ path }, { front }) => {
      const made = await makeBackup({ ...deps, path });
      log.note({ kind: 'authority', message: 'A backup was made; it holds every secret, sealed.', by: front });
      return made;
    },
    'app.resetKeys': async (_input, { front }) => {
      const agents = deps.agents().filter(({ kind }) => kind !== 'tunnel');
      await newAuthority();
      deps.revokeAll();
      for (const { id } of approvals.remembered()) approvals.forget(id);
      await deps.stopCalls();
      log.note({
        kind: 'authority',
        message: `Keys were reset: a new authority, and ${agents.length} agents must be let in again.`,
        by: front,
      });
      return {
        fingerprint: tunnel.authority().fingerprint,
        agents: agents.map(({ id, name, grants }) => ({ id, name, servers: grants.map(({ server }) => server) })),
      };
    },
  };
}
