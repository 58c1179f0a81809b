import { SallyportError } from '../../../../../shared/errors.ts';
import { visibleText } from '../../../../../shared/visible-text.ts';
import type { LogEvent } from './log-line.ts';

/** What a line of cloudflared's log means for the person, where it means trouble. */
export function faultOf(event: LogEvent): SallyportError | undefined {
  switch (event.kind) {
    case 'no-ingress':
      return new SallyportError('tunnel_unrouted', 'tunnel', 'cloudflared has no route: every request gets 503.', {
        hint: 'A pushed configuration took the route away; ask whoever owns the tunnel.',
      });
    case 'bad-token':
      return new SallyportError('tunnel_token_invalid', 'tunnel', 'Provided Tunnel token is not valid.', {
        hint: 'Copy the token anew and run `sallyport tunnel use anthropic`.',
      });
    case 'refused-token':
      return new SallyportError('tunnel_token_refused', 'edge', 'The tunnel edge refuses the token.', {
        hint: 'It was rotated or the tunnel archived: copy the new token and run `sallyport tunnel use anthropic`.',
      });
    case 'unreachable':
      return unreachable(event.why);
    default:
      return undefined;
  }
}

/** The edge was not reached. */
export function unreachable(why: string): SallyportError {
  return new SallyportError(
    'tunnel_port_blocked',
    'tunnel',
    `cloudflared does not reach the tunnel edge (${visibleText(why, { max: 160 }) || 'no answer'}).`,
    { hint: 'This network may block outgoing TCP connections to port 7844; ask for it to be opened.' },
  );
}

/** The tunnel's owner pushed a configuration that leads elsewhere. */
export function overrideError(where: string): SallyportError {
  return new SallyportError(
    'tunnel_overridden',
    'tunnel',
    `The tunnel’s owner pushed a configuration that leads past Sallyport, to ${where}. cloudflared was stopped.`,
    { hint: 'Ask whoever owns the tunnel. To use it again all the same, run `sallyport tunnel use anthropic` anew.' },
  );
}

/** It ended by itself. @param times how often in a row, where that makes a crash loop. @param told what it said before */
export function endedError(
  end: { readonly code: number | null; readonly signal: NodeJS.Signals | null },
  times: number | undefined,
  told: SallyportError | undefined,
): SallyportError {
  const how = end.signal ? `ended by ${end.signal}` : `ended with status ${end.code}`;
  const why = told?.code.startsWith('tunnel_') ? ` ${told.message}` : '';
  return new SallyportError(
    times === undefined ? 'cloudflared_ended' : 'cloudflared_keeps_ending',
    'tunnel',
    times === undefined ? `cloudflared ${how}.${why}` : `cloudflared ${how}, the ${times}th time in a row.${why}`,
    { hint: told?.hint ?? 'It is started again by itself.' },
  );
}
