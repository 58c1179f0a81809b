import type { EventName, RequestName } from './contract.ts';

/**
 * The names of the contract without its schemas, for the preload: it must stay small, and what it lets through is parsed
 * by the core. A name that is missing here, or one too many, does not compile.
 */
export const requestNames: Readonly<Record<RequestName, true>> = {
  'status.get': true,
  'ui.address': true,
  'app.about': true,
  'servers.list': true,
  'servers.add': true,
  'servers.discover': true,
  'servers.scan': true,
  'servers.import': true,
  'servers.adopt': true,
  'servers.features': true,
  'servers.remove': true,
  'servers.share': true,
  'servers.authorize': true,
  'servers.authorized': true,
  'servers.signOut': true,
  'servers.unshare': true,
  'servers.try': true,
  'servers.firstCall': true,
  'tools.list': true,
  'tools.set': true,
  'agents.list': true,
  'agents.token': true,
  'agents.revoke': true,
  'agents.narrow': true,
  'agents.letIn': true,
  'agents.unblock': true,
  'consents.list': true,
  'consents.answer': true,
  'approvals.list': true,
  'approvals.answer': true,
  'approvals.forget': true,
  'policy.show': true,
  'policy.set': true,
  'approvals.reach': true,
  'log.list': true,
  'log.show': true,
  'log.verify': true,
  'tunnel.status': true,
  'tunnel.ca': true,
  'tunnel.probe': true,
  'tunnel.use': true,
  'tunnel.record': true,
  pause: true,
  resume: true,
  'settings.get': true,
  'settings.set': true,
};

/** See {@link requestNames}. */
export const eventNames: Readonly<Record<EventName, true>> = { state: true, log: true, approvals: true };
