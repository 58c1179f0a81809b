import type { AppState } from './contract.ts';
import { visibleText } from './visible-text.ts';

/** The tray's shapes (`ui.md`, "Tray, at a glance"). `off` is the closed door: nothing shared. */
export type TrayIcon = 'off' | 'connecting' | 'idle' | 'sharing' | 'attention' | 'paused' | 'trouble';

/** What a click in the tray's menu means; the shell turns each into a request or opens a window. */
export type TrayAction =
  | { readonly type: 'answer'; readonly id: string; readonly digest: string; readonly answer: 'allow' | 'deny' }
  | { readonly type: 'review'; readonly id?: string }
  /** Shows the window with the agent that asks to be let in. */
  | { readonly type: 'consent' }
  | { readonly type: 'unshare'; readonly server: string }
  | { readonly type: 'away'; readonly forMs?: number }
  | { readonly type: 'present'; readonly on: boolean }
  | { readonly type: 'pause' | 'resume' | 'open' | 'quit' | 'back' };

/** One line of the menu, in the form that a native menu takes. Labels are plain text, already made visible. */
export interface TrayItem {
  /** Stable, so that tests and shells find it: `status`, `approval:<id>`, `server:<slug>`, `pause`, `open`, `quit`, … */
  readonly id: string;
  readonly type: 'normal' | 'separator' | 'checkbox' | 'submenu';
  readonly label: string;
  readonly enabled: boolean;
  readonly checked?: boolean;
  readonly action?: TrayAction;
  readonly items?: readonly TrayItem[];
}

/** Everything the tray shows, drawn by the shell without a decision of its own. */
export interface TrayModel {
  readonly icon: TrayIcon;
  /** Number beside the open door: prompts that wait. */
  readonly badge?: number;
  readonly tooltip: string;
  readonly items: readonly TrayItem[];
}

/** Prompts that are answerable in the menu; more are behind one line that opens the page. */
const maxApprovals = 5;
/** A call this recent makes the state `sharing` instead of `idle`, in milliseconds. */
const recentCall = 60_000;

/**
 * The tray as a pure function of the state (`ui.md`, Tray).
 * @param now wall time in milliseconds: makes "last call 14 s ago" of the last call's time. Without it the time itself is
 * named, which stays true however long nobody draws the tray again, and sharing is never called idle.
 */
export function trayModel(state: AppState, now?: number): TrayModel {
  const icon = trayIcon(state, now);
  const { away } = state.presence;
  const gone = away && icon !== 'paused' ? `Away${away.until ? ` until ${clockTime(away.until)}` : ''} · ` : '';
  const tooltip = `${gone}${tooltipOf(state, icon, now)}`;
  const waiting = state.approvals.length;
  const asking = state.consents.length;
  const shared = state.servers.filter((server) => server.shared);
  const items: TrayItem[] = [{ id: 'status', type: 'normal', label: tooltip, enabled: false }];
  if (asking > 0) {
    items.push(separator('consents'));
    // Not answerable here: the code has to be read, and what the agent could do.
    for (const consent of state.consents) {
      items.push(command(`consent:${consent.id}`, `${consentWords(consent)}…`, { type: 'consent' }));
    }
  }
  if (waiting > 0) {
    items.push(separator('approvals'));
    for (const approval of state.approvals.slice(0, maxApprovals)) {
      items.push(approvalItem(approval, state.presence.presenting));
    }
    if (waiting > maxApprovals) {
      items.push(command('approvals-more', `${waiting - maxApprovals} more…`, { type: 'review' }));
    }
  }
  if (shared.length > 0) {
    items.push(separator('servers'));
    for (const server of shared) {
      items.push({
        id: `server:${server.slug}`,
        type: 'checkbox',
        label: line(server.name, 40),
        enabled: true,
        checked: true,
        action: { type: 'unshare', server: server.slug },
      });
    }
  }
  items.push(
    separator('commands'),
    state.paused ? command('resume', 'Resume', { type: 'resume' }) : command('pause', 'Pause', { type: 'pause' }),
    ...presenceItems(state),
    command('open', 'Open Sallyport', { type: 'open' }),
    command('quit', 'Quit', { type: 'quit' }),
  );
  return { icon, ...(icon === 'attention' ? { badge: waiting + asking } : {}), tooltip, items };
}

/** Which shape; the strictest fact wins: paused, then somebody waiting, then trouble. */
function trayIcon(state: AppState, now: number | undefined): TrayIcon {
  if (state.paused || state.status.state === 'paused') return 'paused';
  if (state.approvals.length + state.consents.length > 0) return 'attention';
  switch (state.status.state) {
    case 'trouble':
      return 'trouble';
    case 'nothing-shared':
      return 'off';
    case 'connecting':
      return 'connecting';
    default: {
      // What was not proven from outside is never shown as the plain green.
      if (state.tunnel.proof === 'own-end') return 'idle';
      if (now === undefined) return 'sharing';
      const last = state.status.lastCallAt;
      return last !== undefined && now - Date.parse(last) < recentCall ? 'sharing' : 'idle';
    }
  }
}

function tooltipOf(state: AppState, icon: TrayIcon, now: number | undefined): string {
  switch (icon) {
    case 'paused':
      return 'Paused: nothing gets through';
    case 'off':
      return 'Nothing shared: nobody can reach this machine';
    case 'connecting':
      return state.tunnel.way === 'embedded' ? 'Opening the door on this machine…' : 'Connecting to the edge…';
    case 'trouble':
      return troubleWords(state);
    case 'attention': {
      const first = state.approvals[0];
      const consent = state.consents[0];
      const more = state.approvals.length + state.consents.length - 1;
      const call = first
        ? `${line(first.agent.name, 40)} asks to ${line(callWords(first, state.presence.presenting), 80)}`
        : 'Somebody waits';
      const sentence = consent ? consentWords(consent) : call;
      return more > 0 ? `${sentence}, and ${more} more` : sentence;
    }
    default: {
      const servers = state.servers.filter((server) => server.shared).length;
      const unproven = state.tunnel.proof === 'own-end' ? ', not proven from outside' : '';
      const words = `${servers} ${servers === 1 ? 'server' : 'servers'} shared${unproven}`;
      const last = state.status.lastCallAt;
      return last === undefined ? `${words} · no call yet` : `${words} · last call ${when(last, now)}`;
    }
  }
}

/** Who asks to be let in, in a line: for the tray and notifications. */
export function consentWords(consent: AppState['consents'][number]): string {
  return `${line(consent.client.name, 40)} asks to use ${line(consent.server, 40)}`;
}

function troubleWords(state: AppState): string {
  const broken = state.status.road.find((station) => !station.ok);
  const since = clockTime(broken?.at ?? state.status.since);
  const where: Partial<Record<string, string>> = {
    edge: 'Edge unreachable',
    tunnel: 'Tunnel broken',
    server: 'A shared server is down',
    'inner-tls': 'Certificate trouble',
    app: 'Sallyport is in trouble',
  };
  return `${where[broken?.hop ?? 'edge'] ?? 'Not reachable'} since ${since}`;
}

/** What a call would do, in a line; while others see the screen the verb alone. */
export function callWords(approval: AppState['approvals'][number], presenting: boolean): string {
  return presenting ? approval.verb : approval.summary;
}

/** How long one may go, from the tray. */
const awayChoices = [
  ['away:30m', 'For 30 minutes', 30 * 60_000],
  ['away:2h', 'For 2 hours', 120 * 60_000],
  ['away:open', 'Until I am back', undefined],
] as const;

function presenceItems({ presence }: AppState): TrayItem[] {
  const { away, presenting } = presence;
  const leave: TrayItem = {
    id: 'away',
    type: 'submenu',
    label: 'I am away',
    enabled: true,
    items: awayChoices.map(([id, label, forMs]) =>
      command(id, label, { type: 'away', ...(forMs === undefined ? {} : { forMs }) }),
    ),
  };
  const present: TrayItem = {
    id: 'presenting',
    type: 'checkbox',
    label: 'I am presenting',
    enabled: true,
    checked: presenting,
    action: { type: 'present', on: !presenting },
  };
  return [away ? command('back', 'I am back', { type: 'back' }) : leave, present];
}

function approvalItem(approval: AppState['approvals'][number], presenting: boolean): TrayItem {
  const id = `approval:${approval.id}`;
  const answer = (choice: 'allow' | 'deny'): TrayAction => ({
    type: 'answer',
    id: approval.id,
    digest: approval.digest,
    answer: choice,
  });
  return {
    id,
    type: 'submenu',
    label: `${line(approval.agent.name, 30)}: ${line(callWords(approval, presenting), 60)}`,
    enabled: true,
    items: [
      command(`${id}:allow`, 'Allow once', answer('allow')),
      command(`${id}:deny`, 'Deny', answer('deny')),
      command(`${id}:review`, 'Review…', { type: 'review', id: approval.id }),
    ],
  };
}

function command(id: string, label: string, action: TrayAction): TrayItem {
  return { id, type: 'normal', label, enabled: true, action };
}

function separator(id: string): TrayItem {
  return { id: `separator:${id}`, type: 'separator', label: '', enabled: false };
}

function line(text: string, max: number): string {
  return visibleText(text, { max });
}

function when(at: string, now: number | undefined): string {
  if (now === undefined) return `at ${clockTime(at)}`;
  const seconds = Math.max(0, Math.round((now - Date.parse(at)) / 1_000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min ago`;
  return `at ${clockTime(at)}`;
}

function clockTime(at: string): string {
  return new Date(at).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
}
