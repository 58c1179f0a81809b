import { useId, useState } from 'react';
import type { ServerView } from '../../../electron/shared/views.ts';
import { useAppState } from '../../state/services.ts';
import { texts } from '../../texts.ts';
import { GrantList } from '../agents/grant-list.tsx';
import { MintDialog } from '../agents/mint-dialog.tsx';

/** *Who can use it*: everybody who holds something for this server. */
export function WhoPart({ server }: { server: ServerView }) {
  const { agents } = useAppState();
  const [minting, setMinting] = useState(false);
  const heading = useId();
  const holders = agents.flatMap((agent) =>
    agent.grants.filter((grant) => grant.server === server.slug).map((grant) => ({ agent, grant })),
  );
  return (
    <section className="part" aria-labelledby={heading}>
      <header className="part-head">
        <h2 id={heading}>{texts.servers.whoTitle}</h2>
        <button type="button" className="button" disabled={!server.shared} onClick={() => setMinting(true)}>
          {texts.servers.mint}
        </button>
      </header>
      {holders.length === 0 ? (
        <p className="faint">{texts.servers.whoEmpty}</p>
      ) : (
        <GrantList holders={holders} named="agent" />
      )}
      {minting && <MintDialog server={server.slug} onClose={() => setMinting(false)} />}
    </section>
  );
}
