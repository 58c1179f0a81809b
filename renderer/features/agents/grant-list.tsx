import { useState } from 'react';
import type { AgentView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Confirm } from '../../components/confirm.tsx';
import { Outside } from '../../components/outside.tsx';
import { formatAgo, formatFull, formatLeft } from '../../format.ts';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';

/** An agent with one thing that it holds. */
export interface Holder {
  readonly agent: AgentView;
  readonly grant: AgentView['grants'][number];
}

/** A grant's scope in words: `tool:<name>` for each tool that it is limited to, else everything exposed. */
function scopeWords(scope: string): string {
  const tools = scope
    .split(' ')
    .filter((part) => part.startsWith('tool:'))
    .map((part) => decoded(part.slice('tool:'.length)));
  return tools.length === 0 ? texts.agents.everyTool : texts.agents.onlyTools(tools.join(', '));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
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
  const now = useNow();
  const [revoking, setRevoking] = useState(false);
  const revoke = useAction(() => bridge.request('agents.revoke', { id: grant.id }));
  const words = texts.agents;
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
      <button
        type="button"
        className="button"
        aria-label={words.revokeTitle(visibleText(agent.name, { max: 80 }), grant.server)}
        onClick={() => setRevoking(true)}
      >
        {words.revoke}
      </button>
      {revoking && (
        <Confirm
          title={words.revokeTitle(visibleText(agent.name, { max: 80 }), grant.server)}
          text={words.revokeText}
          confirm={words.revokeDo}
          action={revoke}
          onClose={() => setRevoking(false)}
        />
      )}
    </li>
  );
}
