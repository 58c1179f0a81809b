import { useState } from 'react';
import type { AgentView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Empty } from '../../components/empty.tsx';
import { Failure } from '../../components/failure.tsx';
import { CheckIcon } from '../../components/icons.tsx';
import { Outside } from '../../components/outside.tsx';
import { Page } from '../../components/page.tsx';
import { formatAgo } from '../../format.ts';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';
import { Canaries } from './canaries.tsx';
import { GrantList } from './grant-list.tsx';
import { DoorNotes, LetInButton } from './let-in.tsx';
import { MintDialog } from './mint-dialog.tsx';
import { RenameDialog } from './rename-dialog.tsx';

/** Who is let in, with what, and when they last came. */
export function AgentsPage() {
  const { agents } = useAppState();
  const [minting, setMinting] = useState(false);
  const words = texts.agents;
  const mint = (
    <button type="button" className="button" onClick={() => setMinting(true)}>
      {words.mint}
    </button>
  );
  return (
    <Page
      title={words.title}
      actions={
        agents.length > 0 && (
          <>
            {mint}
            <LetInButton />
          </>
        )
      }
    >
      {agents.length === 0 && (
        <Empty title={words.emptyTitle} text={words.empty}>
          <LetInButton primary />
          {mint}
        </Empty>
      )}
      <DoorNotes />
      {agents.map((agent) => (
        <AgentSection key={agent.id} agent={agent} />
      ))}
      {agents.length > 0 && <Canaries />}
      {minting && <MintDialog onClose={() => setMinting(false)} />}
    </Page>
  );
}

/** What somebody reached of whom nothing was verified, and why there is nothing to revoke. */
function Seen({ seen }: { seen: NonNullable<AgentView['seen']> }) {
  const now = useNow();
  const words = texts.agents;
  return (
    <p className="faint">
      {words.seen(seen.servers.join(', '), formatAgo(seen.at, now))} {words.seenHint}
    </p>
  );
}

/** Since when nothing of an agent runs, and who or what paused it. */
function PausedNote({ paused }: { paused: NonNullable<AgentView['paused']> }) {
  const now = useNow();
  return (
    <p className="notice warning" role="status">
      <span>
        {texts.agents.paused(formatAgo(paused.at, now))} <Outside text={paused.why} max={300} />{' '}
        <span className="faint">{texts.agents.pausedHint}</span>
      </span>
    </p>
  );
}

function AgentSection({ agent }: { agent: AgentView }) {
  const { bridge } = useServices();
  const turn = useAction(async () => {
    await bridge.request(agent.paused ? 'agents.resume' : 'agents.pause', { id: agent.id });
  });
  const [renaming, setRenaming] = useState(false);
  const words = texts.agents;
  return (
    <section className="agent">
      <header className="part-head">
        <h2>
          <Outside text={agent.name} max={80} />
        </h2>
        {agent.verified && (
          <span className="verified" title={words.verified}>
            <CheckIcon />
            <Outside text={agent.client ?? words.verified} max={80} />
          </span>
        )}
        {agent.verified === false && <span className="warning-text">{words.notVerified}</span>}
        <span className="faint">
          {words.kinds[agent.kind]} · {words.calls(agent.callsToday)}
        </span>
        {agent.kind !== 'tunnel' && (
          <button
            type="button"
            className="button quiet"
            aria-label={words.renameOne(visibleText(agent.name, { max: 80 }))}
            onClick={() => setRenaming(true)}
          >
            {words.rename}
          </button>
        )}
        <button
          type="button"
          className={agent.paused ? 'button primary' : 'button'}
          aria-label={(agent.paused ? words.resumeLabel : words.pauseLabel)(visibleText(agent.name, { max: 80 }))}
          disabled={turn.pending}
          onClick={() => turn.start()}
        >
          {agent.paused ? words.resume : words.pause}
        </button>
      </header>
      <Failure error={turn.error} />
      {agent.paused && <PausedNote paused={agent.paused} />}
      {renaming && <RenameDialog agent={agent} onClose={() => setRenaming(false)} />}
      {agent.seen && <Seen seen={agent.seen} />}
      <GrantList holders={agent.grants.map((grant) => ({ agent, grant }))} named="server" />
    </section>
  );
}
