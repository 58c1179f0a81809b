import type { Authorization } from '../oauth/resource-server.ts';
import type { Exchange } from './exchange.ts';
import type { Accepts } from './reply.ts';
import type { SharedRoute } from './routes.ts';

/** An authenticated HTTP request to a shared server, before its era is known. */
export interface Visitor {
  readonly exchange: Exchange;
  readonly route: SharedRoute;
  readonly authorization: Authorization;
  readonly accepts: Accepts;
}
