import { useId, useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { Confirm } from '../../components/confirm.tsx';
import { CopyButton } from '../../components/copy-button.tsx';
import { Failure } from '../../components/failure.tsx';
import { Outside } from '../../components/outside.tsx';
import { formatBytes } from '../../format.ts';
import { useAppState, useServices, useSnapshot } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import { Setting } from './setting.tsx';

/** Back up, move, reset keys, remove. What needs the app to be quit is a command to copy. */
export function UpkeepSettings() {
  const title = useId();
  const words = texts.upkeep;
  return (
    <section aria-labelledby={title}>
      <h2 id={title}>{words.title}</h2>
      <ul className="rows settings">
        <BackUp />
        <Setting title={words.move} hint={words.moveHint}>
          <Command text={words.moveCommand} />
        </Setting>
        <ResetKeys />
        <Setting title={words.remove} hint={words.removeHint}>
          <Command text={words.removeCommand} />
        </Setting>
      </ul>
    </section>
  );
}

function Command({ text }: { text: string }) {
  return (
    <span className="row-actions">
      <code className="mono">{text}</code>
      <CopyButton text={text} quiet />
    </span>
  );
}

function BackUp() {
  const { bridge } = useServices();
  const offline = useSnapshot().connection.kind !== 'online';
  const [path, setPath] = useState('');
  const [made, setMade] = useState<RequestOutput<'app.backup'>>();
  const backup = useAction(async () => setMade(await bridge.request('app.backup', { path: path.trim() })));
  const words = texts.upkeep;
  const id = useId();
  return (
    <li className="row stacked">
      <div className="row-main">
        <p>
          <strong>{words.backup}</strong>
        </p>
        <p className="faint">{words.backupHint}</p>
        <form
          className="inline-form"
          onSubmit={(event) => {
            event.preventDefault();
            backup.start();
          }}
        >
          <label className="hidden" htmlFor={id}>
            {words.path}
          </label>
          <input
            id={id}
            className="input mono"
            placeholder={words.path}
            value={path}
            spellCheck={false}
            onChange={(event) => setPath(event.target.value)}
          />
          <button type="submit" className="button" disabled={offline || backup.pending || path.trim() === ''}>
            {words.make}
          </button>
        </form>
        <Failure error={backup.error} />
        {made && (
          <div role="status" className="notice stacked">
            <p>
              <Outside text={words.made(made.path, formatBytes(made.bytes))} max={400} />
            </p>
            <p>
              <strong>{words.code}</strong>
            </p>
            <p className="row-actions">
              <code className="mono">{made.code}</code>
              <CopyButton text={made.code} quiet />
            </p>
          </div>
        )}
      </div>
    </li>
  );
}

function ResetKeys() {
  const { agents } = useAppState();
  const { bridge } = useServices();
  const offline = useSnapshot().connection.kind !== 'online';
  const [asking, setAsking] = useState(false);
  const [done, setDone] = useState<RequestOutput<'app.resetKeys'>>();
  const reset = useAction(async () => {
    setDone(await bridge.request('app.resetKeys', {}));
    setAsking(false);
  });
  const words = texts.upkeep;
  return (
    <li className="row">
      <div className="row-main">
        <p>
          <strong>{words.reset}</strong>
        </p>
        <p className="faint">{words.resetHint}</p>
        {done && (
          <div role="status" className="notice stacked">
            <p className="break">{words.resetDone(done.fingerprint)}</p>
            {done.agents.length > 0 && (
              <>
                <p>{words.again}:</p>
                <ul className="plain">
                  {done.agents.map((agent) => (
                    <li key={agent.id}>
                      <Outside text={agent.name} max={60} /> <span className="faint">{agent.servers.join(', ')}</span>
                    </li>
                  ))}
                </ul>
              </>
            )}
          </div>
        )}
      </div>
      <button type="button" className="button" disabled={offline} onClick={() => setAsking(true)}>
        {words.resetButton}
      </button>
      {asking && (
        <Confirm
          title={words.resetConfirm}
          text={words.resetConfirmText(agents.length)}
          confirm={words.reset}
          action={reset}
          onClose={() => setAsking(false)}
        />
      )}
    </li>
  );
}
