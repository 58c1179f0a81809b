import { useEffect } from 'react';
import type { AppState } from '../electron/shared/contract.ts';
import { useModalOpen } from './components/modal-stack.ts';
import { Rail } from './components/rail.tsx';
import { AgentsPage } from './features/agents/agents-page.tsx';
import { ConsentPanel } from './features/agents/consent-panel.tsx';
import { Announcer } from './features/approvals/announcer.tsx';
import { ApprovalsPage } from './features/approvals/approvals-page.tsx';
import { PromptPanel } from './features/approvals/prompt-panel.tsx';
import { PromptWindow } from './features/approvals/prompt-window.tsx';
import { usePromptQueue } from './features/approvals/use-prompt-queue.ts';
import { DoctorPage } from './features/doctor/doctor-page.tsx';
import { FirstRunPage } from './features/first-run/first-run-page.tsx';
import { PresenceBanner } from './features/presence/presence-banner.tsx';
import { RequestsPage } from './features/requests/requests-page.tsx';
import { Loading, NoKey, OfflineBanner, Unreachable } from './features/road/connection-states.tsx';
import { RoadBar } from './features/road/road-bar.tsx';
import { ProposalsPage } from './features/rules/proposals-page.tsx';
import { RulesPage } from './features/rules/rules-page.tsx';
import { ServerPage } from './features/servers/server-page.tsx';
import { ServersPage } from './features/servers/servers-page.tsx';
import { SettingsPage } from './features/settings/settings-page.tsx';
import { TunnelPage } from './features/tunnel/tunnel-page.tsx';
import { type Route, railPage, useRoute } from './navigation.ts';
import { StateProvider, useSnapshot } from './state/services.ts';
import { texts } from './texts.ts';

/** The window: what is drawn while there is no connection, else the frame with the page of the moment. */
export function App() {
  const { connection, state } = useSnapshot();
  const route = useRoute();
  if (connection.kind === 'no-key') return <NoKey reason={connection.reason} />;
  if (!state) return connection.kind === 'offline' ? <Unreachable connection={connection} /> : <Loading />;
  return (
    <StateProvider value={state}>
      {route.page === 'prompt' ? (
        <PromptWindow key={route.item} id={route.item} />
      ) : (
        <Frame state={state} route={route} />
      )}
    </StateProvider>
  );
}

function Frame({ state, route }: { state: AppState; route: Route }) {
  const { connection } = useSnapshot();
  const prompts = usePromptQueue(state.approvals);
  const behindModal = useModalOpen();
  useTitle(state);
  return (
    <div className="frame" data-prompt={prompts.current || state.consents[0] ? '' : undefined}>
      <div className="behind" inert={behindModal}>
        <button type="button" className="skip" onClick={skipToMain}>
          {texts.skip}
        </button>
        <RoadBar />
        <Rail page={railPage(route)} waiting={state.approvals.length} />
        <main id="main" tabIndex={-1}>
          {connection.kind === 'offline' && <OfflineBanner connection={connection} />}
          <PresenceBanner />
          <PageOf route={route} onReview={prompts.review} />
        </main>
      </div>
      {/* Somebody sits at the page that waits, with two minutes: it comes before calls. */}
      {state.consents[0] && <ConsentPanel consent={state.consents[0]} />}
      {prompts.current && !state.consents[0] && (
        <PromptPanel
          approval={prompts.current}
          waiting={state.approvals.length - 1}
          take={prompts.take}
          onLater={prompts.later}
        />
      )}
      <Announcer approvals={state.approvals} />
    </div>
  );
}

/** A fragment link would change the route, which lives in the fragment; so a button moves the focus. */
function skipToMain(): void {
  document.getElementById('main')?.focus();
}

function PageOf({ route, onReview }: { route: Route; onReview(id: string): void }) {
  switch (route.page) {
    case 'requests':
      return <RequestsPage selected={route.item} />;
    case 'approvals':
      return <ApprovalsPage onReview={onReview} />;
    case 'agents':
      return <AgentsPage />;
    case 'tunnel':
      return <TunnelPage />;
    case 'doctor':
      return <DoctorPage />;
    case 'rules':
      return <RulesPage />;
    case 'review':
      return <ProposalsPage />;
    case 'start':
      return <FirstRunPage />;
    case 'settings':
      return <SettingsPage />;
    default:
      return route.item === undefined ? <ServersPage /> : <ServerPage key={route.item} slug={route.item} />;
  }
}

/** The tab's or window's title says at a glance what the tray would. */
function useTitle(state: AppState): void {
  const shared = state.servers.filter((server) => server.shared).length;
  const waiting = state.approvals.length + state.consents.length;
  useEffect(() => {
    const words = state.paused ? ' · paused' : shared > 0 ? ` · sharing ${shared}` : '';
    document.title = `${waiting > 0 ? `(${waiting}) ` : ''}${texts.app}${words}`;
  }, [state.paused, shared, waiting]);
}
