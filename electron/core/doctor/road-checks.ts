import type { ContractClient, RequestOutput } from '../../shared/contract.ts';
import type { Hop } from '../../shared/hop.ts';
import { bad, type Check, good } from './check.ts';
import { hidden, plain, type Words, words } from './words.ts';

/** What a running instance says of its road; asked for by the contract, as every front does. */
export type Instance = Pick<ContractClient, 'request'>;

/** The tunnel: at least one connection to an edge. */
export function checkTunnel(tunnel: RequestOutput<'tunnel.status'>): Check {
  const count = tunnel.connections.length;
  if (tunnel.forward && tunnel.state === 'connected') {
    const local = tunnel.forward.local;
    return good('tunnel', 'tunnel', words`Port ${local} of 127.0.0.1 waits for what the forwarder brings.`);
  }
  if (tunnel.state === 'connected') {
    const kinds = plain([...new Set(tunnel.connections.map((one) => one.transport))].join(', '));
    return good('tunnel', 'tunnel', words`${count} connections by ${kinds}.${wallsAround(tunnel.contained)}`);
  }
  return bad(
    'tunnel',
    'tunnel',
    words`It is ${plain(tunnel.state)}: ${hidden('reason', tunnel.detail ?? 'nothing more is known')}.`,
    words`See the checks of the edge above; it is dialled again by itself.`,
  );
}

/** Hops that a probe passes, in order, with the check that each becomes. */
const probed: readonly (readonly [hop: Hop, check: string, good: string, fix: string])[] = [
  [
    'inner-tls',
    'inner-tls',
    'Our own key answers at the public door.',
    'Restart Sallyport; if another key goes on answering, somebody stands in the middle: do not go on.',
  ],
  [
    'gateway',
    'gateway',
    'It answered a request from the public door.',
    'Restart Sallyport; `sallyport log list` may say more.',
  ],
];

/** What a cloudflared could be made to reach, where one runs. */
function wallsAround(contained: boolean | undefined): Words {
  if (contained === undefined) return plain('');
  return plain(
    contained
      ? ' cloudflared reaches the tunnel’s edge and Sallyport alone.'
      : ' cloudflared is not contained: whoever owns the tunnel could reach other addresses through it (docs/connect/claude-tunnel.md).',
  );
}

/** A real request by the public door: one check for each station behind the tunnel. */
export function checkProbe(probe: RequestOutput<'tunnel.probe'>): Check[] {
  const failedAt = probed.findIndex(([hop]) => hop === probe.hop);
  const early = !probe.ok && failedAt < 0;
  return probed.map(([hop, check, fine, fix], index) => {
    if (probe.ok || index < failedAt) {
      return good(check, hop, probe.ok ? words`${plain(fine)} (${probe.ms} ms)` : plain(fine));
    }
    const why = hidden('reason', probe.detail ?? 'the request did not get there');
    return early || index > failedAt
      ? bad(
          check,
          hop,
          words`Not reached: it ends before, at ${plain(probe.hop ?? 'tunnel')}.`,
          words`Mend that first.`,
        )
      : bad(check, hop, why, plain(fix));
  });
}

/** Each shared server, judged by its last run. */
export function checkServers(servers: RequestOutput<'servers.list'>['servers']): Check[] {
  const shared = servers.filter((server) => server.shared);
  if (shared.length === 0) {
    return [good('servers', 'server', words`None is shared: nobody can reach anything on this machine.`)];
  }
  return shared.map((server) => {
    const name = `server:${server.slug}`;
    if (server.state === 'crashed' || server.state === 'wrong-output') {
      return bad(
        name,
        'server',
        words`Its state is ${plain(server.state)}. ${hidden('what it said', server.lastError ?? '')}`,
        words`Run its command by hand to see why; unshare and share it again when it works.`,
      );
    }
    return good(
      name,
      'server',
      words`${plain(server.state)}, ${server.tools.exposed} of ${server.tools.total} tools exposed.`,
    );
  });
}

/** Whether a question to the person would reach one. */
export function checkApprovals(reach: RequestOutput<'approvals.reach'>): Check {
  const { windows, pages, desk, commandLine } = reach;
  const cli = commandLine ? words` The command line may decide.` : words``;
  if (windows + pages > 0) {
    return good('approvals', 'approval', words`${windows} windows and ${pages} pages are open.${cli}`);
  }
  if (desk) return good('approvals', 'approval', words`The tray is up and opens the prompt.${cli}`);
  if (commandLine) {
    return good('approvals', 'approval', words`No page is open; prompts wait for sallyport approvals watch.`);
  }
  return bad(
    'approvals',
    'approval',
    words`No window or page is open: what asks would be seen by nobody, and denied when its time is over.`,
    words`Open the page: sallyport ui`,
  );
}
