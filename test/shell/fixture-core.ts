import { createDispatcher, type Dispatcher, type Handlers } from '../../electron/core/fronts/dispatcher.ts';
import { createAppState } from '../../electron/core/state/app-state.ts';
import { systemClock } from '../../electron/core/state/system-clock.ts';
import type { AppState, EventPayload } from '../../electron/shared/contract.ts';
import { SallyportError } from '../../electron/shared/errors.ts';
import type { ShellCore, ShellCoreDeps } from '../../electron/shell/shell-core.ts';
import { emptyState } from './states.ts';

/** A message from the test to the app's process. */
export type FixtureMessage =
  | { readonly fixture: 'state'; readonly patch: Partial<AppState> }
  | { readonly fixture: 'approval'; readonly event: EventPayload<'approvals'> };

/** What the app's process tells the test. */
export type FixtureReport =
  | { readonly report: 'request'; readonly name: string; readonly input: unknown; readonly front: string }
  | { readonly report: 'retry-tunnel' | 'locked' | 'unlocked' | 'stopped' }
  | {
      readonly report: 'started';
      readonly keyring: string | undefined;
      readonly settings: unknown;
      readonly trayShown: boolean;
    };

/** How this run of the fixture behaves, from SALLYPORT_FIXTURE. */
export type FixtureBehaviour = 'normal' | 'stop-hangs' | 'cannot-start' | 'refuses';

/**
 * A small core: the real dispatcher over a state that the test sets, answering every request that the tray can make. What
 * the real core does with requests is tested elsewhere; here the shell is.
 */
export async function startFixtureCore(deps: ShellCoreDeps): Promise<ShellCore> {
  const behaviour = (process.env.SALLYPORT_FIXTURE ?? 'normal') as FixtureBehaviour;
  if (behaviour === 'cannot-start') {
    throw new SallyportError('port_in_use', 'app', 'Port 47443 is in use by another program.', { hint: 'End it.' });
  }
  const settings = deps.openSettingsFile();
  settings.write({ schemaVersion: 1, 'dotted.name': true });
  const report = (message: FixtureReport): void => void process.send?.(message);
  const sealed = await deps.keyring?.seal(Buffer.from('planted-secret'), 'a');
  if (sealed && deps.keyring) {
    const opened = Buffer.from(await deps.keyring.open(sealed, 'a')).toString();
    if (opened !== 'planted-secret' || Buffer.from(sealed).includes('planted-secret')) throw new Error('bad sealer');
  }

  let current: AppState = emptyState;
  const state = createAppState(() => current);
  const approvalListeners = new Set<(event: EventPayload<'approvals'>) => void>();
  const handlers = new Proxy({} as Handlers, {
    get: (_target, name: string) => async (input: unknown, context: { front: string }) => {
      report({ report: 'request', name, input, front: context.front });
      if (behaviour === 'refuses') throw new SallyportError('not_now', 'app', 'Not now.', { hint: 'Later.' });
      return answers[name];
    },
  });
  const dispatcher: Dispatcher = createDispatcher({
    handlers,
    state,
    log: { onRow: () => () => undefined },
    approvals: {
      onEvent(listener) {
        approvalListeners.add(listener);
        return () => approvalListeners.delete(listener);
      },
    },
    clock: systemClock,
    cliMayDecide: () => false,
  });
  process.on('message', (message: FixtureMessage) => {
    if (message.fixture === 'state') {
      current = { ...current, ...message.patch };
      state.touch();
    } else if (message.fixture === 'approval') {
      for (const listener of approvalListeners) listener(message.event);
    }
  });
  report({ report: 'started', keyring: deps.keyring?.name, settings: settings.read(), trayShown: deps.trayShown });
  return {
    dispatcher,
    retryTunnel: () => report({ report: 'retry-tunnel' }),
    presence: {
      lock: (on) => report({ report: on ? 'locked' : 'unlocked' }),
      idle: () => undefined,
      leave: () => undefined,
      comeBack: () => undefined,
      present: () => undefined,
    },
    async stop() {
      if (behaviour === 'stop-hangs') await new Promise(() => undefined);
      report({ report: 'stopped' });
    },
  };
}

const at = '2026-11-22T12:00:00.000Z';
const answers: Record<string, unknown> = {
  'status.get': emptyState.status,
  pause: { paused: true, at, endedStreams: 0 },
  resume: { paused: false, at, endedStreams: 0 },
  'servers.unshare': { name: 'files' },
  'approvals.answer': { id: 'a1', answer: 'allow', scope: 'call', for: 'once' },
  'log.list': { rows: [] },
  'settings.get': emptyState.settings,
  'presence.set': emptyState.presence,
};
