import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import * as z from 'zod';
import { App } from './app.tsx';
import { createBridge } from './bridge.ts';
import { createAppStore } from './state/app-store.ts';
import { createLogStore } from './state/log-store.ts';
import { ServicesContext } from './state/services.ts';
import { applyTheme, storedTheme } from './theme.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/components.css';
import './styles/layout.css';
import './styles/servers.css';
import './styles/requests.css';
import './styles/prompt.css';
import './styles/agents.css';
import './styles/tunnel.css';
import './styles/first-run.css';

// The window's content security policy has no `unsafe-eval`: zod must not try to compile its schemas.
z.config({ jitless: true });
applyTheme(storedTheme());

// A new address pasted into this tab changes only the fragment: the page starts anew with the key in it.
window.addEventListener('hashchange', () => {
  if (location.hash.startsWith('#k=')) location.reload();
});

const root = document.getElementById('root');
if (root) {
  const bridge = createBridge();
  const services = { bridge, app: createAppStore(bridge), log: createLogStore(bridge) };
  createRoot(root).render(
    <StrictMode>
      <ServicesContext value={services}>
        <App />
      </ServicesContext>
    </StrictMode>,
  );
}
