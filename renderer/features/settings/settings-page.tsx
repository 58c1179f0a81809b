import { useState } from 'react';
import type { RequestInput, RequestOutput } from '../../../electron/shared/contract.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Failure } from '../../components/failure.tsx';
import { Page } from '../../components/page.tsx';
import { Segmented } from '../../components/segmented.tsx';
import { Switch } from '../../components/switch.tsx';
import { useAppState, useServices, useSnapshot } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import { chooseTheme, storedTheme, themes } from '../../theme.ts';
import { DeskSettings } from './desk-settings.tsx';
import { InstallationFacts } from './installation-facts.tsx';
import { Setting } from './setting.tsx';
import { UpdateSetting } from './update-setting.tsx';
import { UpkeepSettings } from './upkeep-settings.tsx';

/** Few settings, each with its default in sight. */
export function SettingsPage() {
  const { settings, version, tunnel } = useAppState();
  const { bridge } = useServices();
  const { connection } = useSnapshot();
  const [theme, setTheme] = useState(storedTheme);
  const set = useAction((change: RequestInput<'settings.set'>) => bridge.request('settings.set', change));
  const words = texts.settings;
  const offline = connection.kind !== 'online';
  return (
    <Page title={words.title}>
      <Failure error={set.error} />
      <ul className="rows settings">
        <Setting title={words.cliMayDecide} hint={words.cliMayDecideHint}>
          <Switch
            label={words.cliMayDecide}
            checked={settings.cliMayDecide}
            busy={set.pending}
            disabled={offline}
            onChange={(cliMayDecide) => set.start({ cliMayDecide })}
          />
        </Setting>
        <Setting title={words.openAtLogin} hint={words.openAtLoginHint}>
          <Switch
            label={words.openAtLogin}
            checked={settings.openAtLogin}
            busy={set.pending}
            disabled={offline}
            onChange={(openAtLogin) => set.start({ openAtLogin })}
          />
        </Setting>
        <Setting title={words.appearance} hint={words.appearanceHint}>
          <Segmented
            label={words.appearance}
            value={theme}
            options={themes.map((value) => ({ value, label: words.themes[value] }))}
            onChange={(chosen) => {
              setTheme(chosen);
              chooseTheme(chosen);
            }}
          />
        </Setting>
        <VerifyLog />
        <UpdateSetting />
      </ul>
      <DeskSettings />
      <UpkeepSettings />
      <section aria-label={words.about}>
        <h2>{words.about}</h2>
        <dl className="facts">
          <dt>{words.version}</dt>
          <dd className="mono">{version}</dd>
          <dt>{words.front}</dt>
          <dd>{words.fronts[bridge.front]}</dd>
          <dt>{words.domain}</dt>
          <dd className="mono">{tunnel.domain}</dd>
          <InstallationFacts />
        </dl>
      </section>
    </Page>
  );
}

function VerifyLog() {
  const { bridge } = useServices();
  const [result, setResult] = useState<RequestOutput<'log.verify'>>();
  const verify = useAction(async () => setResult(await bridge.request('log.verify', {})));
  const words = texts.settings;
  return (
    <li className="row">
      <div className="row-main">
        <p>
          <strong>{words.log}</strong>
        </p>
        <p className="faint">{words.verifyHint}</p>
        <p role="status" className={result && !result.ok ? 'danger-text' : 'ok-text'}>
          {result?.ok === true && words.verifyOk(result.rows)}
          {result?.ok === false && words.verifyBad(result.badSeq, visibleText(result.why ?? '', { max: 300 }))}
        </p>
        <Failure error={verify.error} />
      </div>
      <button type="button" className="button" disabled={verify.pending} onClick={() => verify.start()}>
        {words.verify}
      </button>
    </li>
  );
}
