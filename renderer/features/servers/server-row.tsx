import type { ServerView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Failure } from '../../components/failure.tsx';
import { Outside } from '../../components/outside.tsx';
import { linkTo } from '../../navigation.ts';
import { texts } from '../../texts.ts';
import { ServerState } from './server-state.tsx';
import { ShareSwitch } from './share-switch.tsx';
import { useShare } from './use-share.ts';

/** One server on a line: its name, what runs, what gets out, and the switch. */
export function ServerRow({ server }: { server: ServerView }) {
  const share = useShare(server);
  const words = texts.servers;
  const what = server.kind === 'stdio' ? [server.command ?? '', ...(server.args ?? [])].join(' ') : (server.url ?? '');
  return (
    <li className="row server-row">
      <a className="row-main server-link" href={linkTo('servers', server.slug)}>
        <span className="server-name mono">{visibleText(server.name, { max: 80 })}</span>
        <span className="server-what clip faint">
          {server.kind === 'stdio' ? 'stdio' : 'http'} · <Outside text={what} max={300} mono />
        </span>
        <span className="server-tools">
          {server.source !== undefined && !server.shared && (
            <span className="faint">
              {words.from('')}
              <Outside text={server.source} max={60} />
            </span>
          )}
          {server.shared && (words.counts(server.tools) ?? words.exposed(server.tools.exposed, server.tools.total))}
          {server.shared && (server.tools.undecided ?? 0) > 0 && (
            <span className="tag" data-state="changed">
              {words.undecided(server.tools.undecided ?? 0)}
            </span>
          )}
        </span>
        <ServerState server={server} busy={share.pending} />
      </a>
      <ShareSwitch server={server} share={share} />
      {share.error && (
        <div className="row-below">
          <Failure error={share.error} />
        </div>
      )}
    </li>
  );
}
