import { type Clock, timestamp } from '../../shared/clock.ts';
import type { AppState, RequestOutput } from '../../shared/contract.ts';
import type { Handlers } from '../fronts/dispatcher.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import { preferencesOf, type Settings } from '../settings/settings.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';

/** What the requests on the app as a whole need of the stations. */
export interface AppHandlerDeps {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly tunnel: Tunnel;
  readonly log: RequestLog;
  readonly state: () => AppState;
  /** Where this installation keeps its things. */
  readonly about: () => Promise<RequestOutput<'app.about'>>;
  /** Stops everything that agents have under way; answers how many streams ended. */
  readonly stopCalls: () => Promise<number>;
  /** The domain changed: every grant was for URLs that are no more. */
  readonly onMoved: () => void;
  /** Who would see a question now. */
  readonly reach: () => RequestOutput<'approvals.reach'>;
  /** Address of the browser front with this run's key. @throws SallyportError where none is up */
  readonly uiAddress: () => string;
}

/** Requests on status, tunnel, pause and settings. */
export function createAppHandlers(
  deps: AppHandlerDeps,
): Pick<
  Handlers,
  | 'status.get'
  | 'approvals.reach'
  | 'ui.address'
  | 'app.about'
  | 'tunnel.status'
  | 'tunnel.ca'
  | 'tunnel.caRotate'
  | 'tunnel.probe'
  | 'tunnel.use'
  | 'tunnel.certificate'
  | 'tunnel.certificateUse'
  | 'tunnel.record'
  | 'tunnel.remote'
  | 'tunnel.remoteChange'
  | 'pause'
  | 'resume'
  | 'settings.get'
  | 'settings.set'
> {
  const { clock, settings, tunnel, log } = deps;
  const preferences = () => preferencesOf(settings.get());
  return {
    'approvals.reach': async () => deps.reach(),
    'status.get': async () => deps.state().status,
    'ui.address': async () => ({ url: deps.uiAddress() }),

    'app.about': async () => await deps.about(),

    'tunnel.status': async () => tunnel.view(),
    'tunnel.ca': async () => tunnel.authority(),
    'tunnel.caRotate': async ({ step }, { front }) => {
      await tunnel.rotateAuthority(step);
      log.note({ kind: 'authority', message: `The change of the certificate authority: ${step}.`, by: front });
      return tunnel.authority();
    },
    'tunnel.probe': async () => await tunnel.probe(),
    'tunnel.use': async (choice, { front }) => {
      if (await tunnel.use(choice)) deps.onMoved();
      const { way, domain, openai } = tunnel.view();
      const where = openai ? `${openai.tunnelId}, whose service reads what passes` : domain;
      log.note({ kind: 'authority', message: `The way in is now ${way}: ${where}.`, by: front });
      return tunnel.view();
    },

    'tunnel.certificate': async () => await tunnel.certificate(),
    'tunnel.certificateUse': async (choice, { front }) => {
      await tunnel.useCertificate(choice);
      const view = await tunnel.certificate();
      const by = view.directory === undefined ? 'this installation' : new URL(view.directory).host;
      log.note({ kind: 'authority', message: `The certificate of ${view.domain} is signed by ${by} now.`, by: front });
      return view;
    },

    'tunnel.remote': async () => await tunnel.remote(),
    'tunnel.remoteChange': async (change, { front }) => {
      await tunnel.changeRemote(change);
      const what = change.do === 'rotate-token' ? 'the token was rotated' : `${change.id} was archived`;
      log.note({ kind: 'authority', message: `At Anthropic: ${what}.`, by: front });
      return tunnel.view();
    },

    'tunnel.record': async ({ start }) => {
      if (start !== undefined) tunnel.recorder.start(start);
      const recording = tunnel.recorder.read();
      return recording ? { recording: { ...recording, events: [...recording.events] } } : {};
    },

    // Stored before it is shown (security.md S12): a crash in between leaves the app paused, never the reverse.
    pause: async (_input, { front }) => {
      const at = settings.get().paused?.at ?? timestamp(clock);
      settings.update((current) => ({ ...current, paused: { at } }));
      const endedStreams = await deps.stopCalls();
      log.note({ kind: 'authority', message: `Paused; ${endedStreams} open streams ended.`, by: front });
      return { paused: true as const, at, endedStreams };
    },

    resume: async (_input, { front }) => {
      settings.update(({ paused: _paused, ...rest }) => rest);
      log.note({ kind: 'authority', message: 'Resumed.', by: front });
      return { paused: false as const, at: timestamp(clock), endedStreams: 0 };
    },

    'settings.get': async () => preferences(),
    'settings.set': async (change, { front }) => {
      settings.update((current) => ({
        ...current,
        ...Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)),
      }));
      log.note({ kind: 'authority', message: `Settings changed: ${Object.keys(change).join(', ')}.`, by: front });
      return preferences();
    },
  };
}
