import type { RequestInput } from '../../../electron/shared/contract.ts';
import type { UpdatesView } from '../../../electron/shared/updates.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Failure } from '../../components/failure.tsx';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

/** How it stands with updates, and the one thing to do about it. Only in the desktop app. */
export function UpdateSetting() {
  const { updates } = useAppState();
  const { bridge } = useServices();
  const act = useAction((what: RequestInput<'updates.do'>['do']) => bridge.request('updates.do', { do: what }));
  if (!updates) return null;
  const words = texts.updates;
  const next = nextStep(updates);
  return (
    <li className="row">
      <div className="row-main">
        <p>
          <strong>{words.title}</strong>
        </p>
        <p className={updates.state === 'failed' ? 'danger-text' : 'faint'} role="status">
          {wordsOf(updates)}
        </p>
        <Failure error={act.error} />
      </div>
      {next && (
        <button type="button" className="button" disabled={act.pending} onClick={() => act.start(next)}>
          {words[next]}
        </button>
      )}
    </li>
  );
}

function nextStep({ state, version }: UpdatesView): 'check' | 'download' | 'install' | undefined {
  if (state === 'available') return 'download';
  if (state === 'ready') return 'install';
  if (state === 'failed') return version === undefined ? 'check' : 'download';
  return state === 'idle' ? 'check' : undefined;
}

function wordsOf({ state, version = '', percent = 0, error = '' }: UpdatesView): string {
  const { words } = texts.updates;
  if (state === 'failed') return visibleText(error, { max: 300 });
  if (state === 'available' || state === 'ready') return words[state](version);
  return state === 'downloading' ? words.downloading(version, percent) : words[state];
}
