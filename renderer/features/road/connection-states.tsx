import type { Connection } from '../../bridge.ts';
import { CopyButton } from '../../components/copy-button.tsx';
import { AlertIcon, DoorMark } from '../../components/icons.tsx';
import { formatShortClock } from '../../format.ts';
import { useServices } from '../../state/services.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';

type Offline = Extract<Connection, { kind: 'offline' }>;

/** Shown for the moment between the first paint and the first state. */
export function Loading() {
  return (
    <main className="alone">
      <DoorMark />
      <p role="status">{texts.loading}</p>
    </main>
  );
}

/** The browser front without this run's key: says what to do. */
export function NoKey({ reason }: { reason: 'missing' | 'refused' }) {
  const refused = reason === 'refused';
  return (
    <main className="alone">
      <DoorMark />
      <h1>{refused ? texts.noKey.refusedTitle : texts.noKey.title}</h1>
      <p>{refused ? texts.noKey.refused : texts.noKey.missing}</p>
      <p>{texts.noKey.how}</p>
      <p className="alone-command">
        <code className="mono">{texts.noKey.command}</code>
        <CopyButton text={texts.noKey.command} quiet />
      </p>
    </main>
  );
}

/** Nothing was ever loaded, and the core does not answer. */
export function Unreachable({ connection }: { connection: Offline }) {
  return (
    <main className="alone">
      <DoorMark />
      <h1>{texts.offline.startTitle}</h1>
      <p>{texts.offline.start}</p>
      <p className="alone-command">
        <code className="mono">sallyport run</code>
      </p>
      <Retry connection={connection} />
    </main>
  );
}

/** Above the page while the connection is lost: what is shown is old, and cannot be changed. */
export function OfflineBanner({ connection }: { connection: Offline }) {
  return (
    <div className="notice warning banner" role="status">
      <AlertIcon />
      <div>
        <strong>{texts.offline.title}.</strong> {texts.offline.since(formatShortClock(connection.since))}
      </div>
      <Retry connection={connection} />
    </div>
  );
}

function Retry({ connection }: { connection: Offline }) {
  const { bridge } = useServices();
  const now = useNow();
  const seconds = Math.max(0, Math.ceil((connection.retryAt - now) / 1_000));
  return (
    <span className="retry">
      <span className="faint" aria-hidden="true">
        {texts.offline.next(seconds)}
      </span>
      <button type="button" className="button" onClick={() => bridge.retry()}>
        {texts.offline.retry}
      </button>
    </span>
  );
}
