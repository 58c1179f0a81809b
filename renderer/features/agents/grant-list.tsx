import { useState } from 'react';
import type { AgentView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Confirm } from '../../components/confirm.tsx';
import { Outside } from '../../components/outside.tsx';
import { formatAgo, formatFull, formatLeft } from '../../format.ts';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';
import { NarrowDialog } from './narrow-dialog.tsx';
import { scopeWords } from './scope.ts';

/** An agent with one thing that it holds. */
export interface Holder {
  readonly agent: AgentView;
  readonly grant: AgentView['grants'][number];
}

/** Grants as rows, named by agent (on a server's sheet) or by server (on an agent's row). */
export function GrantList({ holders, named }: { holders: readonly Holder[]; named: 'agent' | 'server' }) {
  return (
    <ul className="rows">
      {holders.map(({ agent, grant }) => (
        <GrantRow key={`${agent.id} ${grant.id}`} agent={agent} grant={grant} named={named} />
      ))}
    </ul>
  );
}

function GrantRow({ agent, grant, named }: Holder & { named: 'agent' | 'server' }) {
  const { bridge } = useServices();
  const { servers } = useAppState();
  const now = useNow();
  const [asking, setAsking] = useState<'narrow' | 'revoke'>();
  const revoke = useAction(() => bridge.request('agents.revoke', { id: grant.id }));
  const words = texts.agents;
  const server = servers.find((each) => each.slug === grant.server);
  const shown = visibleText(agent.name, { max: 80 });
  const close = () => setAsking(undefined);
  const ended = Date.parse(grant.expiresAt) <= now;
  return (
    <li className="row">
      <div className="row-main">
        <p>
          {named === 'agent' ? <Outside text={agent.name} max={80} /> : <span className="mono">{grant.server}</span>}{' '}
          <span className="faint">
            <Outside text={scopeWords(grant.scope)} max={160} />
          </span>
        </p>
        <p className="faint">
          {grant.lastUsedAt === undefined ? words.neverUsed : words.lastUsed(formatAgo(grant.lastUsedAt, now))} ·{' '}
          <span className={ended ? 'danger-text' : undefined} title={formatFull(grant.expiresAt)}>
            {ended ? words.expired : words.expires(formatLeft(grant.expiresAt, now))}
          </span>
        </p>
      </div>
      <div className="row-actions">
        {server && (
          <button
            type="button"
            className="button quiet"
            aria-label={words.narrowTitle(shown, grant.server)}
            onClick={() => setAsking('narrow')}
          >
            {words.narrow}
          </button>
        )}
        <button
          type="button"
          className="button"
          aria-label={words.revokeTitle(shown, grant.server)}
          onClick={() => setAsking('revoke')}
        >
          {words.revoke}
        </button>
      </div>
      {asking === 'narrow' && server && <NarrowDialog agent={agent} grant={grant} server={server} onClose={close} />}
      {asking === 'revoke' && (
        <Confirm
          title={words.revokeTitle(shown, grant.server)}
          text={words.revokeText}
          confirm={words.revokeDo}
          action={revoke}
          onClose={close}
        />
      )}
    </li>
  );
}
