import type { Approvals } from '../approvals/approvals.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { Oauth } from '../oauth/create-oauth.ts';
import type { Canaries } from '../policy/canaries.ts';
import type { PausedAgents } from '../policy/paused-agents.ts';
import type { Policy } from '../policy/policy.ts';
import type { RulesFile } from '../policy/rules-file.ts';
import type { Presence } from '../presence/presence.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Origins } from '../servers/discovery/origins.ts';
import type { OfferPins } from '../servers/offers.ts';
import type { ProgramFiles } from '../servers/program-files/program-files.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import type { Servers } from '../servers/servers.ts';
import type { SignIns } from '../servers/sign-in/sign-ins.ts';
import type { Settings } from '../settings/settings.ts';
import type { AppStateStore } from '../state/app-state.ts';
import type { Setbacks } from '../state/setbacks.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';
import type { UnverifiedAgents } from '../tunnel/unverified-agents.ts';
import type { WayOut } from '../tunnel/way-out.ts';

/** Every station of a running app, as `core.ts` made them. */
export interface Stations {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly log: RequestLog;
  readonly rulesFile: RulesFile;
  readonly agents: PausedAgents;
  readonly canaries: Canaries;
  readonly policy: Policy;
  readonly approvals: Approvals;
  readonly presence: Presence;
  readonly signIns: SignIns;
  readonly offers: OfferPins;
  readonly servers: Servers;
  readonly registry: ServerRegistry;
  readonly programFiles: ProgramFiles;
  readonly origins: Origins;
  readonly setbacks: Setbacks;
  readonly oauth: Oauth;
  readonly gateway: Gateway;
  readonly unverified: UnverifiedAgents;
  readonly wayOut: WayOut;
  readonly tunnel: Tunnel;
  readonly state: AppStateStore;
}
