import { useId } from 'react';
import type { RequestInput } from '../../../electron/shared/contract.ts';
import { Failure } from '../../components/failure.tsx';
import { Segmented } from '../../components/segmented.tsx';
import { Switch } from '../../components/switch.tsx';
import { useAppState, useServices, useSnapshot } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import { Setting } from './setting.tsx';

const awayAfter = ['0', '5', '10', '30'] as const;

/** What prompts do while nobody is at the desk, or others look at it. */
export function DeskSettings() {
  const { settings, presence } = useAppState();
  const { bridge } = useServices();
  const offline = useSnapshot().connection.kind !== 'online';
  const set = useAction((change: RequestInput<'settings.set'>) => bridge.request('settings.set', change));
  const say = useAction((change: RequestInput<'presence.set'>) => bridge.request('presence.set', change));
  const words = texts.presence;
  const title = useId();
  return (
    <section aria-labelledby={title}>
      <h2 id={title}>{words.title}</h2>
      <Failure error={set.error ?? say.error} />
      <ul className="rows settings">
        <Setting title={words.now} hint={words.nowHint}>
          <div className="row-actions">
            <button
              type="button"
              className="button"
              disabled={offline || say.pending}
              onClick={() => say.start(presence.away ? { back: true } : { away: {} })}
            >
              {presence.away ? words.back : words.leave}
            </button>
            <button
              type="button"
              className="button"
              disabled={offline || say.pending}
              onClick={() => say.start({ presenting: !presence.presenting })}
            >
              {presence.presenting ? words.stopPresenting : words.present}
            </button>
          </div>
        </Setting>
        <Setting title={words.awayAfter} hint={words.awayAfterHint}>
          <Segmented
            label={words.awayAfter}
            value={String(settings.awayAfterMinutes)}
            options={awayAfter.map((value) => ({ value, label: words.minutes(Number(value)) }))}
            onChange={(minutes) => set.start({ awayAfterMinutes: Number(minutes) })}
          />
        </Setting>
        <Setting title={words.lock} hint={words.lockHint}>
          <Switch
            label={words.lock}
            checked={settings.lockEndsSessions}
            busy={set.pending}
            disabled={offline}
            onChange={(lockEndsSessions) => set.start({ lockEndsSessions })}
          />
        </Setting>
        <Setting title={words.sound} hint={words.soundHint}>
          <Switch
            label={words.sound}
            checked={settings.promptSound}
            busy={set.pending}
            disabled={offline}
            onChange={(promptSound) => set.start({ promptSound })}
          />
        </Setting>
      </ul>
    </section>
  );
}
