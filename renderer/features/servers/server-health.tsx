import type { LogRow, ServerView } from '../../../electron/shared/views.ts';
import { formatAgo } from '../../format.ts';
import { linkTo } from '../../navigation.ts';
import { useLog } from '../../state/services.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';
import { OutcomeWords } from '../requests/outcome.tsx';

/** How the server does, judged from its last call (`design.md` §2): when, what became of it, and the protocol it speaks. */
export function ServerHealth({ server }: { server: ServerView }) {
  const { rows } = useLog();
  const now = useNow();
  const last = rows.findLast((row) => row.kind === 'call' && row.server === server.slug && reachedServer(row));
  const words = texts.servers;
  return (
    <p className="server-health">
      {last ? (
        <a href={linkTo('requests', last.id)}>
          {words.lastCall(formatAgo(last.at, now))} <OutcomeWords row={last} />
        </a>
      ) : (
        <span className="faint">{words.noCall}</span>
      )}
      {server.era !== undefined && <span className="faint"> · {words.eras[server.era]}</span>}
    </p>
  );
}

/** A call that was stopped on the way says nothing of the server. */
function reachedServer(row: LogRow): boolean {
  return row.outcome === 'ran' || row.outcome === 'failed' || row.outcome === 'unknown';
}
