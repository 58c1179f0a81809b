import type { Handlers } from '../fronts/dispatcher.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';
import type { WayOut } from '../tunnel/way-out.ts';

/** Requests on how this machine gets out. */
export function createNetworkHandlers(deps: {
  readonly wayOut: WayOut;
  readonly tunnel: Pick<Tunnel, 'reopen'>;
  readonly log: Pick<RequestLog, 'note'>;
}): Pick<Handlers, 'tunnel.network' | 'tunnel.networkUse'> {
  const { wayOut, tunnel, log } = deps;
  return {
    'tunnel.network': async () => wayOut.view(),
    'tunnel.networkUse': async (change, { front }) => {
      const takeBack = await wayOut.change(change);
      try {
        await tunnel.reopen();
      } catch (error) {
        await takeBack();
        await tunnel.reopen();
        throw error;
      }
      const parts = Object.keys(change).join(', ');
      log.note({ kind: 'authority', message: `The way out was changed: ${parts}.`, by: front });
      return wayOut.view();
    },
  };
}
