import { useState } from 'react';
import type { ServerView } from '../../../electron/shared/views.ts';
import { Empty } from '../../components/empty.tsx';
import { Page } from '../../components/page.tsx';
import { navigate } from '../../navigation.ts';
import { useAppState } from '../../state/services.ts';
import { texts } from '../../texts.ts';
import { AddServerDialog } from './add-server-dialog.tsx';
import { FoundServers } from './found-servers.tsx';
import { ServerRow } from './server-row.tsx';

/** What is shared, what was found, and how to get more. */
export function ServersPage() {
  const { servers } = useAppState();
  const [adding, setAdding] = useState(false);
  const words = texts.servers;
  const groups = [
    { title: words.shared, servers: servers.filter((server) => server.shared) },
    { title: words.others, servers: servers.filter((server) => !server.shared) },
  ].filter((group) => group.servers.length > 0);
  return (
    <Page
      title={words.title}
      actions={
        servers.length > 0 && (
          <>
            <button type="button" className="button quiet" onClick={() => navigate('start')}>
              {words.tryIt}
            </button>
            <button type="button" className="button" onClick={() => setAdding(true)}>
              {words.add}
            </button>
          </>
        )
      }
    >
      {servers.length === 0 && (
        <Empty title={words.emptyTitle} text={words.empty}>
          <button type="button" className="button primary" onClick={() => navigate('start')}>
            {words.tryIt}
          </button>
          <button type="button" className="button" onClick={() => setAdding(true)}>
            {words.add}
          </button>
          <p className="faint">{words.emptyTryHint}</p>
        </Empty>
      )}
      {groups.map((group) => (
        <ServerGroup key={group.title} title={group.title} servers={group.servers} />
      ))}
      <FoundServers />
      {adding && <AddServerDialog onClose={() => setAdding(false)} />}
    </Page>
  );
}

function ServerGroup({ title, servers }: { title: string; servers: readonly ServerView[] }) {
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <ul className="rows">
        {servers.map((server) => (
          <ServerRow key={server.slug} server={server} />
        ))}
      </ul>
    </section>
  );
}
