import type { ServerView } from '../../../electron/shared/views.ts';
import { useServices } from '../../state/services.ts';
import { type Action, useAction } from '../../state/use-action.ts';

/** Shares or unshares a server. Sharing starts it first, which may take up to a minute. */
export function useShare(server: ServerView): Action<[boolean]> {
  const { bridge } = useServices();
  return useAction((on: boolean) =>
    on
      ? bridge.request('servers.share', { server: server.slug })
      : bridge.request('servers.unshare', { server: server.slug }),
  );
}
