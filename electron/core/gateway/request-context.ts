import type { ProtocolVersion } from '../../shared/call.ts';
import type { JsonObject } from '../../shared/json-tree.ts';
import type { Authorization } from '../oauth/resource-server.ts';
import type { ConnectOptions } from '../servers/servers.ts';
import type { ServerRequest } from '../servers/upstream-session.ts';
import type { Reply } from './reply.ts';
import type { RequestLife } from './request-life.ts';
import type { SharedRoute } from './routes.ts';
import type { RpcRequest } from './rpc-message.ts';

/** One authenticated, parsed and classified request of an agent, as both eras hand it on. */
export interface RequestContext {
  readonly route: SharedRoute;
  readonly authorization: Authorization;
  readonly message: RpcRequest;
  /** Revision that the client speaks. */
  readonly era: ProtocolVersion;
  readonly modern: boolean;
  /** Whose conversation with the server this belongs to: one legacy session, or one modern agent. */
  readonly upstreamKey: string;
  /** Size of the body it came in. */
  readonly bytesIn: number;
  readonly reply: Reply;
  readonly life: RequestLife;
  /** What the server may ask this client for: declared by it, and ticked by the person. */
  readonly capabilities: JsonObject;
  /** Takes what a legacy server asks meanwhile, where the client can be asked while it waits (legacy era). */
  readonly onServerRequest?: (request: ServerRequest) => void;
  /** Log level that a modern client opted in to. */
  readonly logLevel?: string;
  /** When the client gives up, milliseconds since the epoch, where it says so. */
  readonly deadline?: number;
  /** A header of the HTTP request; absent where headers do not repeat the body (legacy era). */
  readonly header?: (name: string) => string | undefined;
}

/** How the conversation with the server is opened for a request, where it is not open yet. */
export function connection({ capabilities, modern }: RequestContext): ConnectOptions {
  return { capabilities, preferLegacy: !modern };
}
