import type { ServerView } from '../../../electron/shared/views.ts';
import { texts } from '../../texts.ts';

/** How a server's program is, in a shape and a word. A stopped one is normal: it starts on the first call. */
export function ServerState({ server, busy = false }: { server: ServerView; busy?: boolean }) {
  const state = busy ? 'starting' : server.state;
  return (
    <span className="server-state" data-state={state}>
      <span className="state-shape" aria-hidden="true" />
      {texts.servers.states[state]}
    </span>
  );
}
